"""Finds the word that is nearest to a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 200  # letters; difflib takes minutes for two names of a hundred thousand


def suggest_nearest(word: str, candidates: Iterable[str]) -> str:
    """Return a hint that names the nearest candidate, "" when none is near."""
    if len(word) > _LONGEST:
        return ""
    near = sorted({candidate for candidate in candidates if len(candidate) <= 2 * _LONGEST})
    nearest = difflib.get_close_matches(word, near, n=1, cutoff=0.6)
    return f"did you mean `{nearest[0]}`?" if nearest else ""


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return a hint that names the nearest candidate, else some of them."""
    words = sorted(set(candidates))
    if not words:
        return ""
    more = ", ..." if len(words) > 8 else ""
    listing = ", ".join(f"`{candidate}`" for candidate in words[:8])
    return suggest_nearest(word, words) or f"known here: {listing}{more}"
