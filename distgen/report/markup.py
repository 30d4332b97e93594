"""Turn lines of diffs and files into pieces that templates write as tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from markupsafe import Markup, escape

from distgen.report.colors import LONGEST, ColoredText, color_lines, find_language
from distgen.text.hunk_header import HUNK_HEADER, end_of_hunk
from distgen.text.visible import visible
from distgen.text.word_diff import Span, changed_words, line_pairs, mark_pieces

_LEAD = 80
"""So much of a long line is shown before what changes in it."""
_ELEMENTS = {"": "%s", "mark": "<mark>%s</mark>"}
_PATH = re.compile(r"(?:---|\+\+\+) [ab]/(.+)")
LineKind = Literal["header", "context", "removed", "added", "note"]
_KINDS: dict[str, LineKind] = {" ": "context", "-": "removed", "+": "added", "\\": "note"}


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a diff without its sign; `code` is its text with colors, and marks for changes."""

    kind: LineKind
    code: Markup
    old: int = 0
    new: int = 0


SidePair = tuple[DiffLine | None, DiffLine | None]
"""What stands side by side; a header is on both sides."""


def show(text: object, width: int = LONGEST, start: int = 0) -> str:
    """Return a text of at most so many characters, with what nobody would see spelled.

    Of a longer one it is the part that begins at `start`.
    """
    line = str(text)
    cut = line
    if len(line) > width:
        head, tail = "..." * bool(start), "..." * (start + width < len(line))
        cut = f"{head}{line[start : start + width]}{tail} ({len(line)} characters)"
    return "\n".join(visible(part) for part in cut.split("\n"))


def diff_lines(lines: Sequence[str]) -> Iterator[DiffLine]:
    """Yield the lines of a diff in git's form, numbered; it may be of several files."""
    start = 0
    language = ""
    while start < len(lines):
        # A file that is gone is called /dev/null in the second header.
        if path := _PATH.fullmatch(lines[start]):
            language = find_language(path[1])
        yield DiffLine("header", escape(show(lines[start])))
        match = HUNK_HEADER.match(lines[start])
        start += 1
        if match:
            end = end_of_hunk(lines, start, match)
            yield from _hunk_lines(lines[start:end], int(match[1]), int(match[3]), language)
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


def color_file(lines: Sequence[str], language: str) -> list[Markup]:
    """Return the lines of a file as HTML, with what nobody would see spelled."""
    return [
        escape(show(line)) if len(line) > LONGEST else _write_pieces(pieces)
        for line, pieces in zip(lines, color_lines(lines, language), strict=True)
    ]


def _hunk_lines(lines: Sequence[str], old: int, new: int, language: str) -> Iterator[DiffLine]:
    marked = changed_words(lines)
    starts = _find_starts(lines)
    before = iter(color_lines([line[1:] for line in lines if line[:1] in " -"], language))
    after = iter(color_lines([line[1:] for line in lines if line[:1] in " +"], language))
    for number, line in enumerate(lines):
        kind = _KINDS.get(line[:1], "note")
        old_pieces = next(before, ()) if kind in ("context", "removed") else ()
        new_pieces = next(after, ()) if kind in ("context", "added") else ()
        old_number = old if kind in ("context", "removed") else 0
        new_number = new if kind in ("context", "added") else 0
        if len(line) > LONGEST or kind == "note":
            code = escape(show(line[1:], start=starts.get(number, 0)))
        else:
            code = _write_pieces(_mark(old_pieces or new_pieces, marked.get(number, ())))
        yield DiffLine(kind, code, old_number, new_number)
        old, new = old + bool(old_number), new + bool(new_number)


def _find_starts(lines: Sequence[str]) -> dict[int, int]:
    """Return where long lines begin to differ from what stands in their place, by their number."""
    starts: dict[int, int] = {}
    for old, new in line_pairs(lines):
        if max(len(lines[old]), len(lines[new])) > LONGEST:
            letters = enumerate(zip(lines[old][1:], lines[new][1:], strict=False))
            start = next((at for at, (one, other) in letters if one != other), 0)
            starts[old] = starts[new] = max(0, start - _LEAD)
    return starts


def _mark(pieces: Sequence[ColoredText], spans: Sequence[Span]) -> Iterator[ColoredText]:
    """Yield the pieces of a line, cut where a change begins or ends; spans count its sign."""
    at = 1
    for text, kind in pieces:
        inside = ((max(at, first), min(at + len(text), last)) for first, last in spans)
        cuts = tuple((first - at, last - at) for first, last in inside if first < last)
        for part, is_marked in mark_pieces(text, cuts):
            yield part, "mark" if is_marked else kind
        at += len(text)


def _write_pieces(pieces: Iterable[ColoredText]) -> Markup:
    """Return pieces as HTML, each in an element of its class."""
    return Markup("".join(_write_piece(text, kind) for text, kind in pieces))


@lru_cache(10_000)  # most lines are those of other images and views, too
def _write_piece(text: str, kind: str) -> str:
    return Markup(_ELEMENTS.get(kind, f'<span class="{kind}">%s</span>')) % show(text)


def _pad(lines: list[DiffLine], length: int) -> list[DiffLine | None]:
    return [*lines, *[None] * (length - len(lines))]
