"""Build images through an engine of this machine, level by level, and push them."""
