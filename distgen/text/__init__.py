"""Differences of texts, and words that were meant."""
