"""Turn a set of equal edits into a group: what it is about, and the text of one member."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from distgen.compare.edits import first_change
from distgen.compare.grouping import EditSet
from distgen.compare.records import EditGroup, FileEdit, Trees
from distgen.dockerfile.filename import is_dockerfile
from distgen.dockerfile.parse import Dockerfile, parse
from distgen.model.published import Statement
from distgen.model.rendered import File
from distgen.model.words import CHANGE_KINDS, ChangeKind
from distgen.publish.dockerfile_statements import dockerfile_statements
from distgen.publish.kinds import edit_kind
from distgen.publish.pin_statements import NO_ALIASES
from distgen.text.git_diff import header_lines, name_lines
from distgen.text.hunks import TextHunk, split_paragraphs

_Lines = tuple[str, ...]
_Kinds = tuple[ChangeKind, ...]
_WIDTH = 160
_MOST_STATEMENTS = 2
_PINNED: tuple[_Kinds, _Kinds] = ((), ("base", "source"))
"""Further kinds whose statements tell of a change: none, and those of a lost pin."""
_VAGUE = ("build steps changed", "Dockerfile changed")
"""Phrases that say less than the lines themselves."""
_DIGEST = re.compile(r"((?:sha256:)?[0-9a-f]{12})[0-9a-f]{28,}")
_STAGE = re.compile(r" in stage [^\s:;]+")
_MOVED = re.compile(r"from (\S+)@(\S+) -> \1@(\S+)")
_PARSED = 256


def make_group(edit_set: EditSet, old: Trees, new: Trees) -> EditGroup:
    """Return the group; its kind, sentence and text are those of the first edit."""
    edit = edit_set.edits[0]
    before = old.get(edit.image, {}).get(edit.path)
    after = new.get(edit.image, {}).get(edit.path)
    hunks = _find_hunks(edit, before, after)
    kind = _kind(edit, before, after, hunks)
    lines = _generic_lines(edit_set)
    statements = _statements(edit, before, hunks, lines)
    sentence = _join_statements(statements, kind) or _sentence(edit, lines)
    if len(edit_set.edits) > 1:  # others may have it in another stage
        sentence = _STAGE.sub("", sentence)
    # A base and a label without a blank line between are one edit; the label may not go unsaid.
    others = {statement.kind for statement in statements} - {kind, *_PINNED[kind == "lost pin"]}
    also = ", ".join(other for other in CHANGE_KINDS if other in others)
    return EditGroup(
        kind=kind,
        sentence=f"{sentence}; also {also}" if also else sentence,
        path=edit.path,
        operation=edit.operation,
        modes=edit.modes,
        hunk=tuple(_shown_lines(edit, hunks)),
        pattern=edit_set.pattern,
        members=edit_set.members(),
        level="warning" if kind == "lost pin" else "info",
    )


def in_reading_order(groups: list[EditGroup]) -> tuple[EditGroup, ...]:
    """Return the groups by kind, then those of most images first."""

    def rank(group: EditGroup) -> tuple[int, int, str]:
        return (CHANGE_KINDS.index(group.kind), -len(group.members), group.path)

    return tuple(sorted(groups, key=rank))


def _find_hunks(edit: FileEdit, old: File | None, new: File | None) -> tuple[TextHunk, ...]:
    if edit.operation in ("mode", "binary"):
        return ()
    hunks = split_paragraphs(old.content if old else b"", new.content if new else b"")
    if edit.operation != "changed":
        return hunks
    start = (edit.old_start, edit.new_start)
    return tuple(hunk for hunk in hunks if first_change(hunk) == start)


def _kind(
    edit: FileEdit, old: File | None, new: File | None, hunks: tuple[TextHunk, ...]
) -> ChangeKind:
    before, after = _dockerfile(edit.path, old), _dockerfile(edit.path, new)
    kinds = {
        edit_kind(edit.path, before, after, removed, added)
        for hunk in hunks
        for removed, added in _changed_ranges(hunk)
    }
    if not kinds:
        return edit_kind("", before, after, range(0), range(0))
    return next(kind for kind in CHANGE_KINDS if kind in kinds)


def _changed_ranges(hunk: TextHunk) -> Iterator[tuple[range, range]]:
    """Yield the old and new lines of each run of changes in a hunk, counted from 0."""
    old = old_start = hunk.old_start - (hunk.old_count > 0)
    new = new_start = hunk.new_start - (hunk.new_count > 0)
    for line in (*hunk.lines, " "):
        if line[0] == " ":
            if old > old_start or new > new_start:
                yield range(old_start, old), range(new_start, new)
            old_start, new_start = old + 1, new + 1
        old += line[0] in " -"
        new += line[0] in " +"


def _dockerfile(path: str, file: File | None) -> Dockerfile:
    content = file.content if file and is_dockerfile(path) else b""
    return _parse(content)


@lru_cache(_PARSED)
def _parse(content: bytes) -> Dockerfile:
    return parse(content.decode("utf-8", "replace"))


def _shown_lines(edit: FileEdit, hunks: tuple[TextHunk, ...]) -> Iterator[str]:
    name = f"{edit.image}/{edit.path}"
    yield from header_lines(name, edit.modes)
    if edit.operation == "binary":
        yield from edit.lines
    if hunks:
        yield from name_lines(name, edit.modes)
    for hunk in hunks:
        yield hunk.header
        yield from hunk.lines


def _generic_lines(edit_set: EditSet) -> tuple[str, ...]:
    """Return the lines with the roles of words in braces where the members have different ones."""
    columns = zip(*edit_set.words, strict=True)
    words = (
        column[0] if len({*column}) == 1 else f"{{{role}}}"
        for role, column in zip(edit_set.pattern.roles, columns, strict=True)
    )
    return tuple(edit_set.pattern.fill(tuple(words)).split("\n")[1:])


def _sentence(edit: FileEdit, lines: tuple[str, ...]) -> str:
    """Return what happens to a whole file, or to some lines by quoting the first of them."""
    added = sum(line[0] == "+" for line in lines)
    removed = sum(line[0] == "-" for line in lines)
    if edit.operation == "mode":
        old, new = edit.modes
        return f"{edit.path}: mode {old:o} -> {new:o}"
    if edit.operation == "binary":
        return f"{edit.path}: binary file changed"
    if edit.operation == "added":
        return f"{edit.path} is new, {added} line{'s' * (added != 1)}"
    if edit.operation == "deleted":
        return f"{edit.path} is deleted, {removed} line{'s' * (removed != 1)}"
    return f"{edit.path}: {_quote_change(lines)}"


def _statements(
    edit: FileEdit, old: File | None, hunks: Sequence[TextHunk], lines: _Lines
) -> tuple[Statement, ...]:
    """Return what a summary would say of a hunk of a Dockerfile alone."""
    if edit.operation != "changed" or not is_dockerfile(edit.path) or not (old and hunks):
        return ()
    before, after = _texts_around(old.content.decode("utf-8", "replace"), hunks[0], lines)
    return tuple(dockerfile_statements(edit.path, before, after, NO_ALIASES))


def _join_statements(statements: Iterable[Statement], kind: ChangeKind) -> str:
    """Return what is said of a kind on one line, "" where the lines themselves say more."""
    kinds = {kind, *_PINNED[kind == "lost pin"]}
    texts = [
        line
        for statement in statements
        if statement.kind in kinds and statement.phrase not in _VAGUE
        for line in statement.lines
    ]
    if not texts:
        return ""
    text = _DIGEST.sub(r"\1", "; ".join(texts[:_MOST_STATEMENTS]))
    text = _MOVED.sub(r"\1: \2 -> \3", text)
    more = len(texts) - _MOST_STATEMENTS
    return _shorten(text) + (f" (and {more} more)" if more > 0 else "")


def _texts_around(text: str, hunk: TextHunk, lines: _Lines) -> tuple[str, str]:
    """Return a text before and after one hunk, with `lines` in place of what comes and goes."""
    rows = text.split("\n")
    start = hunk.old_start - (hunk.old_count > 0)
    changed = iter(line for line in lines if line[0] != "\\")
    shown = [line if line[0] == " " else next(changed) for line in hunk.lines if line[0] != "\\"]
    before = [line[1:] for line in shown if line[0] in " -"]
    after = [line[1:] for line in shown if line[0] in " +"]
    head, tail = rows[:start], rows[start + hunk.old_count :]
    return "\n".join([*head, *before, *tail]), "\n".join([*head, *after, *tail])


def _quote_change(lines: tuple[str, ...]) -> str:
    """Return a line that changes, else the first that comes or goes and how many more there are."""
    changed = [line for line in lines if line[0] in "+-" and line[1:].strip()]
    if not changed:
        return "blank lines only"
    texts = [" ".join(line[1:].removesuffix("\\").split()) for line in changed]
    if [line[0] for line in changed] == ["-", "+"]:
        return _shorten(f"{texts[0]} -> {texts[1]}")
    first = next((n for n, line in enumerate(changed) if line[0] == "+"), 0)
    more = len(changed) - 1
    rest = f" (and {more} more line{'s' * (more != 1)})" if more else ""
    return f"{changed[first][0]} {_shorten(texts[first])}{rest}"


def _shorten(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
