"""Puts overlays into one order and style without changing what they say."""
