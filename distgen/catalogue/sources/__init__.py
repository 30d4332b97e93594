"""Where images come from that no template of the catalogue describes: siblings of one shape."""
