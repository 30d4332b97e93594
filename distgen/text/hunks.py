"""Turn two versions of a file's bytes into the hunks of a unified diff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from distgen.text.hunk_header import format_range
from distgen.text.line_matcher import LineMatcher

NO_NEWLINE = "\\ No newline at end of file"
CONTEXT = 3
Span = tuple[int, int, int, int]
"""A range of old lines, and the range of new lines in its place; both count from 0."""


@dataclass(frozen=True, slots=True)
class TextHunk:
    """Lines that change together, with context; each begins with its sign, none ends in a newline.

    The starts count from 1 and are those of the first line, as in a unified diff.
    """

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    lines: tuple[str, ...] = field(repr=False)

    @property
    def edits(self) -> tuple[str, ...]:
        """Return the lines that come and go, without context."""
        lines: list[str] = []
        sign = " "
        for line in self.lines:
            sign = sign if line[0] == "\\" else line[0]
            if sign != " ":
                lines.append(line)
        return tuple(lines)

    @property
    def header(self) -> str:
        """Return the line that begins with @@."""
        old = format_range(self.old_start, self.old_count)
        return f"@@ -{old} +{format_range(self.new_start, self.new_count)} @@"


def split_hunks(old: bytes, new: bytes, context: int = CONTEXT) -> tuple[TextHunk, ...]:
    """Return the hunks that lead from one text to another."""
    before, after = lines_with_ends(old), lines_with_ends(new)
    spans = changed_spans(before, after)
    return tuple(
        format_hunk(before, after, group, context) for group in close_spans(spans, context)
    )


def lines_with_ends(content: bytes) -> list[bytes]:
    """Return the lines, each with the newline that ends it."""
    # Not splitlines: a carriage return ends no line for git.
    lines = [line + b"\n" for line in content.split(b"\n")]
    last = lines.pop().removesuffix(b"\n")
    return [*lines, last] if last else lines


def changed_spans(old: Sequence[bytes], new: Sequence[bytes]) -> list[Span]:
    """Return the blocks of lines that change, in order."""
    # What is equal at both ends is most of a file, and difflib would look at all of it.
    start, most = 0, min(len(old), len(new))
    while start < most and old[start] == new[start]:
        start += 1
    end = 0
    while end < most - start and old[-1 - end] == new[-1 - end]:
        end += 1
    old_middle, new_middle = old[start : len(old) - end], new[start : len(new) - end]
    if not old_middle and not new_middle:
        return []
    spans = [(start, start + len(old_middle), start, start + len(new_middle))]
    if old_middle and new_middle:
        matcher = LineMatcher(old_middle, new_middle)
        spans = [
            (i1 + start, i2 + start, j1 + start, j2 + start)
            for tag, i1, i2, j1, j2 in matcher.get_opcodes()
            if tag != "equal"
        ]
    return list(_slide_up(spans, old, new))


def _slide_up(spans: Iterable[Span], old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[Span]:
    """Move lines that only come or only go up as far as the text stays the same.

    A line with a blank one could be blank first or last, so one edit of many files looked like two.
    """
    last_old = last_new = 0
    for i1, i2, j1, j2 in spans:
        lines, start, end = (new, j1, j2) if i1 == i2 else (old, i1, i2)
        distance = 0
        if i1 == i2 or j1 == j2:
            most = min(i1 - last_old, j1 - last_new)
            while distance < most and lines[start - 1 - distance] == lines[end - 1 - distance]:
                distance += 1
        last_old, last_new = i2 - distance, j2 - distance
        yield i1 - distance, last_old, j1 - distance, last_new


def close_spans(spans: Sequence[Span], context: int) -> Iterator[list[Span]]:
    """Yield the spans that stand in one hunk, because their contexts touch."""
    group: list[Span] = []
    for span in spans:
        if group and span[0] - group[-1][1] > 2 * context:
            yield group
            group = []
        group.append(span)
    if group:
        yield group


def format_hunk(
    old: Sequence[bytes],
    new: Sequence[bytes],
    spans: Sequence[Span],
    context: int,
    limits: tuple[int, int] | None = None,
) -> TextHunk:
    """Return the hunk of these changes; its context stays between the `limits`, two old lines."""
    first, last = limits or (0, len(old))
    i1, j1 = spans[0][0], spans[0][2]
    lead = min(context, i1 - first)
    i2, j2 = spans[-1][1], spans[-1][3]
    tail = min(context, last - i2)
    lines: list[str] = []
    at = i1 - lead
    for old_start, old_end, new_start, new_end in spans:
        lines += _with_sign(" ", old[at:old_start])
        lines += _with_sign("-", old[old_start:old_end]) + _with_sign("+", new[new_start:new_end])
        at = old_end
    lines += _with_sign(" ", old[at : i2 + tail])
    old_count, new_count = i2 + tail - (i1 - lead), j2 + tail - (j1 - lead)
    old_first, new_first = i1 - lead + (old_count > 0), j1 - lead + (new_count > 0)
    return TextHunk(old_first, old_count, new_first, new_count, tuple(lines))


def _with_sign(sign: str, lines: Sequence[bytes]) -> list[str]:
    signed = []
    for line in lines:
        # Bytes that are not UTF-8 stay visible: two that differ must not look the same.
        signed.append(sign + line.removesuffix(b"\n").decode("utf-8", "backslashreplace"))
        if not line.endswith(b"\n"):
            signed.append(NO_NEWLINE)
    return signed
