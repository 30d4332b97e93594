"""Find the text of an edit again: its hunks, and its lines as they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from distgen.compare.edits import first_change, whole_hunks
from distgen.compare.grouping import EditSet
from distgen.compare.records import FileEdit
from distgen.model.rendered import File
from distgen.text.cuts import TextChange, cut_change
from distgen.text.git_diff import header_lines, name_lines
from distgen.text.hunks import TextHunk

ROLE_GAP = "\ue000"
"""Stands for the spaces in a role: in a Dockerfile `{old tag}` would be two words."""


def find_hunks(edit: FileEdit, old: File | None, new: File | None) -> tuple[TextHunk, ...]:
    """Return the hunks of an edit, none where it is not about lines."""
    if edit.operation in ("mode", "binary"):
        return ()
    before, after = old.content if old else b"", new.content if new else b""
    if edit.operation != "changed":
        return whole_hunks(before, after)
    change = cut_change(before, after)
    hunks = (
        hunk
        for number in range(len(change.paragraphs))
        for hunk in _hunks_from(change, number, edit)
        if hunk.edits == edit.lines
    )
    return tuple(hunks)[:1]


def _hunks_from(change: TextChange, paragraph: int, edit: FileEdit) -> Iterator[TextHunk]:
    """Yield the hunks of a paragraph that begin where an edit does, up to its length."""
    parts = change.paragraphs[paragraph]
    for first, (i1, i2, j1, _) in enumerate(parts):
        is_start = i1 + 1 == edit.old_start if i1 < i2 else j1 + 1 == edit.new_start
        for last in range(first, len(parts) if is_start else first):
            hunk = change.hunk(paragraph, first, last)
            if len(hunk.edits) > len(edit.lines):
                break
            if first_change(hunk) == (edit.old_start, edit.new_start):
                yield hunk


def shown_lines(edit: FileEdit, hunks: Sequence[TextHunk]) -> Iterator[str]:
    """Yield the edit as git writes it."""
    name = f"{edit.image}/{edit.path}"
    yield from header_lines(name, edit.modes)
    if edit.operation == "binary":
        yield from edit.lines
    if hunks:
        yield from name_lines(name, edit.modes)
    for hunk in hunks:
        yield hunk.header
        yield from hunk.lines


def generic_lines(edit_set: EditSet) -> tuple[str, ...]:
    """Return the lines with the roles of words in braces where the members have different ones.

    The words of a role are held together by `ROLE_GAP`.
    """
    columns = zip(*edit_set.words, strict=True)
    words = (
        column[0] if len({*column}) == 1 else f"{{{role.replace(' ', ROLE_GAP)}}}"
        for role, column in zip(edit_set.pattern.roles, columns, strict=True)
    )
    return tuple(edit_set.pattern.fill(tuple(words)).split("\n")[1:])


def texts_around(text: str, hunk: TextHunk, lines: tuple[str, ...]) -> tuple[str, str]:
    """Return a text before and after one hunk, with `lines` in place of what comes and goes."""
    rows = text.split("\n")
    start = hunk.old_start - (hunk.old_count > 0)
    changed = iter(line for line in lines if line[0] != "\\")
    merged = [line if line[0] == " " else next(changed) for line in hunk.lines if line[0] != "\\"]
    before = [line[1:] for line in merged if line[0] in " -"]
    after = [line[1:] for line in merged if line[0] in " +"]
    head, tail = rows[:start], rows[start + hunk.old_count :]
    return "\n".join([*head, *before, *tail]), "\n".join([*head, *after, *tail])
