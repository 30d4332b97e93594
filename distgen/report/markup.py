"""Turn lines of diffs and Dockerfiles into pieces that templates write as tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from distgen.report.colors import find_language
from distgen.text.hunk_header import HUNK_HEADER, end_of_hunk
from distgen.text.visible import visible
from distgen.text.word_diff import Span, changed_words, mark_pieces

_WIDTH = 2_000
_PATH = re.compile(r"(?:---|\+\+\+) [ab]/(.+)")
LineKind = Literal["header", "context", "removed", "added", "note"]
_KINDS: dict[str, LineKind] = {" ": "context", "-": "removed", "+": "added", "\\": "note"}


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a diff without its sign; `pieces` are its text, those marked that changed."""

    kind: LineKind
    pieces: tuple[tuple[str, bool], ...]
    old: int = 0
    new: int = 0
    language: str = ""


SidePair = tuple[DiffLine | None, DiffLine | None]
"""What stands side by side; a header is on both sides."""


def show(text: object, width: int = _WIDTH) -> str:
    """Return a text of at most so many characters, with what nobody would see spelled."""
    line = str(text)
    cut = line if len(line) <= width else f"{line[:width]}... ({len(line)} characters)"
    return "\n".join(visible(part) for part in cut.split("\n"))


def diff_lines(lines: Sequence[str]) -> Iterator[DiffLine]:
    """Yield the lines of a diff in git's form, numbered; it may be of several files."""
    start = 0
    language = ""
    while start < len(lines):
        # A file that is gone is called /dev/null in the second header.
        if path := _PATH.fullmatch(lines[start]):
            language = find_language(path[1])
        yield DiffLine("header", ((show(lines[start]), False),))
        match = HUNK_HEADER.match(lines[start])
        start += 1
        if match:
            end = end_of_hunk(lines, start, match)
            for line in _hunk_lines(lines[start:end], int(match[1]), int(match[3])):
                yield replace(line, language=language)
            start = end


def side_by_side(lines: Sequence[DiffLine]) -> Iterator[SidePair]:
    """Yield the lines in pairs: what goes beside what comes."""
    removed: list[DiffLine] = []
    added: list[DiffLine] = []
    for line in (*lines, None):
        if line and line.kind == "removed" and not added:
            removed.append(line)
        elif line and line.kind == "added":
            added.append(line)
        elif line is None or line.kind != "note":
            length = max(len(removed), len(added))
            yield from zip(_pad(removed, length), _pad(added, length), strict=True)
            removed, added = [], []
            if line and line.kind == "removed":
                removed.append(line)
            elif line:
                yield line, line


def _hunk_lines(lines: Sequence[str], old: int, new: int) -> Iterator[DiffLine]:
    marked = changed_words(lines)
    for number, line in enumerate(lines):
        kind = _KINDS.get(line[:1], "note")
        old_number = old if kind in ("context", "removed") else 0
        new_number = new if kind in ("context", "added") else 0
        yield DiffLine(kind, tuple(_pieces(line, marked.get(number, ()))), old_number, new_number)
        old, new = old + bool(old_number), new + bool(new_number)


def _pieces(line: str, spans: Sequence[Span]) -> Iterator[tuple[str, bool]]:
    if len(line) > _WIDTH:
        yield show(line[1:]), False
    else:
        yield from ((show(text), is_marked) for text, is_marked in mark_pieces(line, spans, 1))


def _pad(lines: list[DiffLine], length: int) -> list[DiffLine | None]:
    return [*lines, *[None] * (length - len(lines))]
