"""Compares two states of a catalogue: what its images are, and why they differ."""
