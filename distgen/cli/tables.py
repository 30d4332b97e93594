"""Rows of text aligned in columns."""

from __future__ import annotations

from collections.abc import Sequence


def align_rows(rows: Sequence[Sequence[str]]) -> str:
    """Align rows in columns, without blanks at the ends of lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def align_texts(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align rows and return a text for each; further lines of its last cell stand below it."""
    heads = [(*row[:-1], row[-1].partition("\n")[0]) for row in rows]
    lines = align_rows(heads).splitlines() if rows else []
    more = [row[-1].splitlines()[1:] for row in rows]
    return [
        "\n".join((line, *(f"    {part}" for part in below)))
        for line, below in zip(lines, more, strict=True)
    ]
