"""How a change becomes a review on a forge: siblings of one shape, and what they share."""
