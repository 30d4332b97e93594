"""Cut the changes between two texts into those that may be read apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from distgen.text.hunks import (
    CONTEXT,
    Span,
    TextHunk,
    changed_spans,
    close_spans,
    format_hunk,
    lines_with_ends,
)

_MOST_PARTS = 64
"""A paragraph with more is not cut: whoever rewrote so much of it is read as a whole."""
_KEYWORD = re.compile(rb"\s*(?:(?:LABEL|ENV)\s+)?")
_ASSIGNMENT = re.compile(rb"[\w./-]+=")
_WORD = re.compile(rb"\s*(\S+)")


@dataclass(frozen=True, slots=True)
class TextChange:
    """What leads from one text to another: paragraphs, each of parts that touch no other.

    No blank line stands between the parts of a paragraph.
    """

    old: Sequence[bytes] = field(repr=False)
    new: Sequence[bytes] = field(repr=False)
    paragraphs: tuple[tuple[Span, ...], ...]

    def hunk(self, paragraph: int, first: int = 0, last: int | None = None) -> TextHunk:
        """Return neighbouring parts of a paragraph as one hunk, all of them where none is named.

        Its context stays between the changes before and behind it.
        """
        spans = self.paragraphs[paragraph]
        stop = len(spans) if last is None else last + 1
        return format_hunk(
            self.old,
            self.new,
            tuple(_join_touching(spans[first:stop])),
            CONTEXT,
            (self._end_before(paragraph, first), self._start_behind(paragraph, stop)),
        )

    def _end_before(self, paragraph: int, first: int) -> int:
        if first:
            return self.paragraphs[paragraph][first - 1][1]
        return self.paragraphs[paragraph - 1][-1][1] if paragraph else 0

    def _start_behind(self, paragraph: int, stop: int) -> int:
        if stop < len(self.paragraphs[paragraph]):
            return self.paragraphs[paragraph][stop][0]
        is_last = paragraph + 1 == len(self.paragraphs)
        return len(self.old) if is_last else self.paragraphs[paragraph + 1][0][0]


def cut_change(old: bytes, new: bytes) -> TextChange:
    """Return what changes between two texts, cut at blank lines and between lines that pair up.

    A base and a label that stand close by are two matters, and so are two labels. Lines pair up
    where each sets something of another name, or where as many lines that begin with the same
    words come as go.
    """
    before, after = lines_with_ends(old), lines_with_ends(new)
    spans = changed_spans(before, after)
    paragraphs = [
        _cut_paragraph(paragraph, before, after)
        for group in close_spans(spans, CONTEXT)
        for paragraph in _split_at_blanks(group, before)
    ]
    return TextChange(before, after, tuple(paragraphs))


def _split_at_blanks(spans: Sequence[Span], old: Sequence[bytes]) -> Iterator[list[Span]]:
    paragraph: list[Span] = []
    for span in spans:
        if paragraph and any(not line.strip() for line in old[paragraph[-1][1] : span[0]]):
            yield paragraph
            paragraph = []
        paragraph.append(span)
    yield paragraph


def _cut_paragraph(
    spans: Sequence[Span], old: Sequence[bytes], new: Sequence[bytes]
) -> tuple[Span, ...]:
    parts = [part for span in spans for part in _cut_span(span, old, new)]
    return tuple(parts if len(parts) <= _MOST_PARTS else spans)


def _cut_span(span: Span, old: Sequence[bytes], new: Sequence[bytes]) -> list[Span]:
    """Return the parts of one block of lines, itself where its lines do not pair up."""
    i1, i2, j1, j2 = span
    parts: list[Span] = []
    is_open = False
    for a1, a2, b1, b2 in _pair_lines(old[i1:i2], new[j1:j2]):
        part = (i1 + a1, i1 + a2, j1 + b1, j1 + b2)
        if is_open:
            part = _join(parts.pop(), part)
        # A line that only gets a backslash does so for the line below it.
        is_open = _bare(old[part[0] : part[1]]) == _bare(new[part[2] : part[3]])
        parts.append(part)
    if is_open and len(parts) > 1:
        layout = parts.pop()
        parts.append(_join(parts.pop(), layout))
    return parts or [span]


def _pair_lines(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[Span]:
    """Yield the lines that belong together, none where that is not plain."""
    keys = [_assigned_name(line) for line in old], [_assigned_name(line) for line in new]
    if all(b"" not in names and len({*names}) == len(names) for names in keys):
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
            if tag == "equal":
                yield from ((i, i + 1, i - i1 + j1, i - i1 + j1 + 1) for i in range(i1, i2))
            else:
                yield from ((i, i + 1, j1, j1) for i in range(i1, i2))
                yield from ((i2, i2, j, j + 1) for j in range(j1, j2))
    elif [_first_word(line) for line in old] == [_first_word(line) for line in new]:
        yield from ((at, at + 1, at, at + 1) for at in range(len(old)))


def _assigned_name(line: bytes) -> bytes:
    """Return what a line sets, as in `key=value`, b"" for another line."""
    start = _KEYWORD.match(line)
    match = _ASSIGNMENT.match(line, start.end() if start else 0)
    return match[0] if match else b""


def _first_word(line: bytes) -> bytes:
    match = _WORD.match(line)
    return match[1] if match else b""


def _bare(lines: Sequence[bytes]) -> list[bytes]:
    """Return lines without what depends on their place in an instruction."""
    return [
        _KEYWORD.sub(b"", line.rstrip().removesuffix(b"\\").rstrip(), count=1) for line in lines
    ]


def _join_touching(spans: Sequence[Span]) -> Iterator[Span]:
    """Yield the spans, those as one between which nothing stays."""
    joined = spans[0]
    for span in spans[1:]:
        if joined[1] == span[0] and joined[3] == span[2]:
            joined = _join(joined, span)
        else:
            yield joined
            joined = span
    yield joined


def _join(first: Span, second: Span) -> Span:
    return first[0], second[1], first[2], second[3]
