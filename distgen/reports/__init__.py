"""Ways to print findings; each module turns them into text with `report`."""
