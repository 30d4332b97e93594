"""How a change becomes a review on a forge: one module each, and what they share."""
