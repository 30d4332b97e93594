"""Headers of hunks in a unified diff: write their ranges, and count the lines they announce."""

from __future__ import annotations

import re
from collections.abc import Sequence

HUNK_HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
"""First line and number of lines, of the old and of the new text; a number of 1 is left out."""


def format_range(first: int, count: int) -> str:
    """Return a range as a header has it; `first` counts from 1."""
    return f"{first}" if count == 1 else f"{first},{count}"


def format_lines(start: int, stop: int) -> str:
    """Return a slice of lines, which counts from 0; an empty one names the line before it."""
    return format_range(start + 1 if stop > start else start, stop - start)


def end_of_hunk(lines: Sequence[str], at: int, header: re.Match[str]) -> int:
    """Return where the hunk ends that begins at `at`, by the counts of its header."""
    old, new = int(header[2] or 1), int(header[4] or 1)
    while at < len(lines) and (old > 0 or new > 0 or lines[at][:1] == "\\"):
        sign = lines[at][:1]
        old -= sign in (" ", "-")
        new -= sign in (" ", "+")
        at += 1
    return at
