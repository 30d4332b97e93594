"""Say which characters of a text no file may hold, or no reader can see."""

from __future__ import annotations

import re

_HALVES = re.compile("[\ud800-\udfff]")


def half_character_problem(text: str) -> str:
    """Return what is wrong where a text cannot be written as UTF-8, else nothing."""
    half = None if text.isascii() else _HALVES.search(text)
    return f"it prints U+{ord(half.group()):X}, one half of a character" if half else ""
