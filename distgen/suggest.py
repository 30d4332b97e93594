"""Finds the word that a misspelt one was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known word, else some of them; "" if none are."""
    words = sorted(set(known))
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    if not words:
        return ""
    more = ", ..." if len(words) > 8 else ""
    return "known here: " + ", ".join(f"`{known}`" for known in words[:8]) + more
