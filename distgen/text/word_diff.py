"""Find the words that change between the removed and the added lines of a hunk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

_WORD = re.compile(r"\w+|\s+|.")
_ALIKE = 0.4
"""Lines that share less than this are two lines, not one that changed."""
_LONGEST = 2000
Span = tuple[int, int]
"""Start and end of a piece of a line, its sign included."""


def changed_words(lines: Sequence[str]) -> dict[int, tuple[Span, ...]]:
    """Return the changed pieces of the lines of a hunk, by the number of the line.

    A block of removed lines is set beside the block of as many added lines behind it.
    """
    spans: dict[int, tuple[Span, ...]] = {}
    for old, new in line_pairs(lines):
        pair = _compare(lines[old][1:], lines[new][1:])
        if pair:
            spans[old], spans[new] = pair
    return spans


def line_pairs(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the numbers of the lines of a hunk that stand in place of each other."""
    for removed, added in _blocks(lines):
        yield from zip(removed, added, strict=True)


def mark_pieces(line: str, spans: Iterable[Span], start: int = 0) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of a line from `start` on, and whether each is in one of the spans."""
    end = start
    for first, stop in spans:
        if first > end:
            yield line[end:first], False
        yield line[first:stop], True
        end = stop
    if end < len(line):
        yield line[end:], False


def _blocks(lines: Sequence[str]) -> Iterator[tuple[list[int], list[int]]]:
    removed: list[int] = []
    added: list[int] = []
    for number, line in enumerate((*lines, " ")):
        sign = line[:1]
        if sign == "-" and not added:
            removed.append(number)
        elif sign == "+" and removed:
            added.append(number)
        elif sign != "\\":
            if len(removed) == len(added) > 0:
                yield removed, added
            removed, added = ([number] if sign == "-" else []), []


def _compare(old: str, new: str) -> tuple[tuple[Span, ...], tuple[Span, ...]] | None:
    if max(len(old), len(new)) > _LONGEST:
        return None
    old_words, new_words = _WORD.findall(old), _WORD.findall(new)
    matcher = SequenceMatcher(None, old_words, new_words, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return None
    opcodes = [opcode for opcode in matcher.get_opcodes() if opcode[0] != "equal"]
    return (
        tuple(_spans(old_words, [(i1, i2) for _, i1, i2, _, _ in opcodes])),
        tuple(_spans(new_words, [(j1, j2) for _, _, _, j1, j2 in opcodes])),
    )


def _spans(words: Sequence[str], ranges: Sequence[tuple[int, int]]) -> Iterator[Span]:
    starts = [1]
    for word in words:
        starts.append(starts[-1] + len(word))
    for first, last in ranges:
        if first < last:
            yield starts[first], starts[last]
