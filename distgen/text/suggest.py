"""Finds the word that a misspelt one was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest_nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known word, "" when none is near."""
    near = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known word, else some of them."""
    words = sorted(set(known))
    if not words:
        return ""
    more = ", ..." if len(words) > 8 else ""
    some = "known here: " + ", ".join(f"`{known}`" for known in words[:8]) + more
    return suggest_nearest(word, words) or some
