"""Names the first of many words in a sentence."""

from __future__ import annotations

from collections.abc import Iterable


def name_some(words: Iterable[str]) -> str:
    """Name three words, and count the others."""
    ordered = sorted(words)
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return ", ".join(ordered[:3]) + more
