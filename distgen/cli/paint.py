"""Colour diffs for a terminal: headers bold, the words that change marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from distgen.text.hunk_header import HUNK_HEADER, end_of_hunk
from distgen.text.visible import visible
from distgen.text.word_diff import changed_words, mark_pieces

_COLORS = {"+": "green", "-": "red"}


def paint_diff(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a diff in git's form in colour, each ending without one."""
    start = 0
    while start < len(lines):
        match = HUNK_HEADER.match(lines[start])
        if match is None:
            yield click.style(visible(lines[start]), bold=True)
            start += 1
            continue
        yield click.style(match[0], fg="cyan") + lines[start][match.end() :]
        end = end_of_hunk(lines, start + 1, match)
        yield from paint_hunk(lines[start + 1 : end])
        start = end


def paint_hunk(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a hunk in colour, what changes within them marked."""
    marked = changed_words(lines)
    for number, line in enumerate(lines):
        color = _COLORS.get(line[:1])
        if color is None:
            yield visible(line)
        else:
            pieces = mark_pieces(line, marked.get(number, ()))
            yield "".join(
                click.style(visible(text), fg=color, reverse=is_marked or None)
                for text, is_marked in pieces
            )
