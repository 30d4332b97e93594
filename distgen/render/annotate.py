"""Say of each line of a rendered file what it is: of a template, blank, the header."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from distgen.model.rendered import LineAnnotation, PrintedText, PrintedValue
from distgen.model.words import Origin

Annotations = tuple[LineAnnotation, ...]


def annotate_lines(
    rows: Sequence[str],
    numbers: Sequence[int | None],
    origins: Sequence[Origin | None],
    printed: PrintedText,
) -> Annotations:
    """Return what each line of a file is; `numbers` are the rows of what its template prints.

    None stands for the header. Values are left out where marks changed what the template prints.
    """
    is_same = _with_line_feeds(printed.text).split("\n") == list(rows)
    values = list(_values_by_row(printed, len(rows))) if is_same else [()] * len(rows)
    return tuple(
        LineAnnotation("header")
        if number is None
        else _annotate_line(rows[number], origins[number], values[number])
        for number in numbers
    )


def _annotate_line(
    text: str, origin: Origin | None, values: tuple[PrintedValue, ...]
) -> LineAnnotation:
    if not text.strip():
        return LineAnnotation("blank", origin)
    return LineAnnotation("template" if origin else "unknown", origin, values)


def _values_by_row(printed: PrintedText, count: int) -> Iterator[tuple[PrintedValue, ...]]:
    """Yield the values on each row; one of several lines has a part on each of them."""
    by_row: list[list[PrintedValue]] = [[] for _ in range(count)]
    for value in printed.values:
        first, start = _with_line_feeds(printed.text[: value.start]).count("\n"), value.start
        for row, part in enumerate(_with_line_feeds(value.text).split("\n"), first):
            if part.strip():
                by_row[row].append(PrintedValue(part, start, value.origin))
            start += len(part) + 1
    yield from map(tuple, by_row)


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
