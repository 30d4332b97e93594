"""Colour diffs for a terminal: headers bold, the words that change marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import click

from distgen.text.visible import visible
from distgen.text.word_diff import Span, changed_words

_COLORS = {"+": "green", "-": "red"}
_HUNK = re.compile(r"(@@ -(?:\d+)(?:,(\d+))? \+(?:\d+)(?:,(\d+))? @@)(.*)", re.DOTALL)


def paint_diff(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a diff in git's form in colour, each ending without one."""
    start = 0
    while start < len(lines):
        match = _HUNK.fullmatch(lines[start])
        if match is None:
            yield click.style(visible(lines[start]), bold=True)
            start += 1
            continue
        yield click.style(match[1], fg="cyan") + match[4]
        end = _end_of_hunk(lines, start + 1, *(int(match[n] or 1) for n in (2, 3)))
        yield from paint_hunk(lines[start + 1 : end])
        start = end


def _end_of_hunk(lines: Sequence[str], at: int, old: int, new: int) -> int:
    """Return where a hunk ends, by the counts of its header."""
    while at < len(lines) and (old > 0 or new > 0 or lines[at][:1] == "\\"):
        sign = lines[at][:1]
        old -= sign in (" ", "-")
        new -= sign in (" ", "+")
        at += 1
    return at


def paint_hunk(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a hunk in colour, what changes within them marked."""
    marked = changed_words(lines)
    for number, line in enumerate(lines):
        color = _COLORS.get(line[:1])
        if color is None:
            yield visible(line)
        else:
            yield "".join(_pieces(line, marked.get(number, ()), color))


def _pieces(line: str, spans: Iterable[Span], color: str) -> Iterator[str]:
    end = 0
    for start, stop in spans:
        if start > end:
            yield click.style(visible(line[end:start]), fg=color)
        yield click.style(visible(line[start:stop]), fg=color, reverse=True)
        end = stop
    if end < len(line):
        yield click.style(visible(line[end:]), fg=color)
