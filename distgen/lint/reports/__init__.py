"""Ways to print what was found and done; each module turns it into text with `report`."""
