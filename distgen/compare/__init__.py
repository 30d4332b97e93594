"""Compares two states of images: what changes, each equal edit read once, and why."""
