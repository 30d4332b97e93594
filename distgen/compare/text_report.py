"""A grouped diff as lines for a terminal or a pipe: the sum, then the text of each group once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from distgen.compare.records import EditGroup, GroupedDiff
from distgen.compare.sentences import (
    describe_left_out,
    describe_members,
    describe_repeat,
    short_sentence,
    summarize_diff,
    word_rows,
)

_INDENT = "    "


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Lines of one kind: a heading, a warning, notes below it, or a diff in git's form."""

    kind: Literal["sum", "heading", "warning", "note", "diff"]
    lines: tuple[str, ...]


def list_blocks(diff: GroupedDiff, *, words: bool) -> Iterator[TextBlock]:
    """Yield the whole text; `words` adds what differs in each image, and what is said twice."""
    yield from _first_blocks(diff, edits=True)
    for number, group in enumerate(diff.groups, start=1):
        yield TextBlock("note", ("",))
        kind: Literal["heading", "warning"] = "heading" if group.level == "info" else "warning"
        yield TextBlock(kind, (f"{number}. {group.kind}: {group.sentence}",))
        yield TextBlock("note", tuple(_INDENT + line for line in _notes(group, words)))
        if words or not group.repeats:
            yield TextBlock("diff", group.hunk)


def list_statistics(diff: GroupedDiff) -> Iterator[TextBlock]:
    """Yield the sum and a line for each group."""
    yield from _first_blocks(diff, edits=False)
    rows = [(str(len(group.images)), group.kind, short_sentence(group)) for group in diff.groups]
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for group, (images, kind, sentence) in zip(diff.groups, rows, strict=True):
        noun = "image " if images == "1" else "images"
        line = f"{images.rjust(widths[0])} {noun}  {kind.ljust(widths[1])}  {sentence}"
        yield TextBlock("note" if group.level == "info" else "warning", (line,))


def stopped_blocks(image: str, status: str, detail: str, edit: str) -> Iterator[TextBlock]:
    """Yield why an image gets nothing, and the edit that is in the way.

    The edit is indented as in the results of publishing: it is no part of what would change.
    """
    yield TextBlock("warning", (f"{image}: {status}: {detail}",))
    if edit:
        lines = edit.removesuffix("\n").split("\n")
        yield TextBlock("note", tuple(_INDENT + line for line in lines))


def _first_blocks(diff: GroupedDiff, *, edits: bool) -> Iterator[TextBlock]:
    yield TextBlock("sum", (summarize_diff(diff),))
    left_out = describe_left_out(diff)
    if left_out:
        yield TextBlock("note", (left_out,))
    for image in diff.stopped:
        edit = image.diff if edits else ""
        key = f"{image.image}@{image.stream}"
        yield from stopped_blocks(key, image.status, image.detail, edit)


def _notes(group: EditGroup, words: bool) -> Iterator[str]:
    yield describe_members(group)
    if group.repeats:
        yield describe_repeat(group) + ("" if words else " (-v shows it)")
    if group.origin:
        yield f"from {group.origin}"
    rows = word_rows(group)
    if rows and not words:
        yield f"each with its own {', '.join(rows[0][1:])} (-v lists them)"
    elif rows:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            yield "  ".join(cells).rstrip()
