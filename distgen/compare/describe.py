"""Turn a set of equal edits into a group: what it is about, and the text of one member."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from distgen.compare.edit_text import (
    ROLE_GAP,
    find_hunks,
    generic_lines,
    shown_lines,
    texts_around,
)
from distgen.compare.grouping import EditSet
from distgen.compare.moves import MoveFinder
from distgen.compare.order import CAUSES, REPEATS
from distgen.compare.records import EditGroup, FileEdit
from distgen.dockerfile.filename import is_dockerfile
from distgen.dockerfile.parse import Dockerfile, parse
from distgen.model.published import Statement
from distgen.model.rendered import File
from distgen.model.words import CHANGE_KINDS, ChangeKind
from distgen.publish.dockerfile_statements import dockerfile_statements
from distgen.publish.kinds import edit_kind
from distgen.publish.pin_statements import NO_ALIASES, with_digest
from distgen.text.hunks import TextHunk

_Lines = tuple[str, ...]
_Kinds = tuple[ChangeKind, ...]
_WIDTH = 160
_MOST_STATEMENTS = 2
_PINNED: tuple[_Kinds, _Kinds] = ((), ("base", "source"))
"""Further kinds whose statements tell of a change: none, and those of a lost pin."""
_VAGUE = ("build steps changed", "Dockerfile changed")
"""Phrases that say less than the lines themselves."""
_OF_SOURCES: _Kinds = ("environment", "packages", "files")
"""Kinds of instructions that may do no more than name a source."""
_DIGEST = re.compile(r"((?:sha256:)?[0-9a-f]{12})[0-9a-f]{28,}")
_STAGE = re.compile(r" in stage [^\s:;]+")
_REFERENCE = r"(?=[^\s@]*[:/{])[^\s@]+"
"""A name with its registry or tag, or a word in braces that stands for one; no name of a stage."""
_BASE = re.compile(
    rf"stage (?P<stage>.+?): from (?P<old>{_REFERENCE})(?:@(?P<old_digest>\S+))?"
    rf" -> (?P<new>{_REFERENCE})(?:@(?P<new_digest>\S+))?"
)
_PINNED_BASE = re.compile(r"@sha256:[0-9a-f]{64}")
_LAST_STAGE = "of the image"
_INSTRUCTION = re.compile(r"(?P<verb>removed|now)(?P<place>[^:]*): (?P<name>[A-Z]+) (?P<text>.+)")
"""What summaries say of an instruction that goes or comes."""
_COMMIT = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")


def make_group(edit_set: EditSet, moves: MoveFinder) -> EditGroup:
    """Return the group; its kind, sentence and text are those of the first edit."""
    edit = edit_set.edits[0]
    before = moves.old.get(edit.image, {}).get(edit.path)
    after = moves.new.get(edit.image, {}).get(edit.path)
    hunks = find_hunks(edit, before, after)
    only_follows = all(map(moves.only_follows, edit_set.edits))
    kind = _kind(edit, before, after, hunks)
    if only_follows and is_dockerfile(edit.path) and kind in _OF_SOURCES:
        kind = "source"
    is_of_source = kind == "source" or (kind == "lost pin" and _name_pinned(edit.lines) == "source")
    sentence = _describe_sources(edit_set, moves) if only_follows and is_of_source else ""
    return EditGroup(
        kind=kind,
        sentence=sentence or _describe(edit_set, kind, before, hunks).replace(ROLE_GAP, " "),
        path=edit.path,
        operation=edit.operation,
        modes=edit.modes,
        hunk=tuple(shown_lines(edit, hunks)),
        pattern=edit_set.pattern,
        members=edit_set.members(),
        level="warning" if kind == "lost pin" else "info",
        # Which one it repeats is known when all are in order.
        repeats=REPEATS if only_follows and kind not in CAUSES else 0,
    )


def _describe(
    edit_set: EditSet, kind: ChangeKind, before: File | None, hunks: Sequence[TextHunk]
) -> str:
    edit = edit_set.edits[0]
    lines = generic_lines(edit_set)
    statements = _statements(edit, before, hunks, lines)
    sentence = _join_statements(statements, kind) or _sentence(edit, lines)
    if kind == "lost pin" and "no longer pinned" not in sentence:
        sentence = f"{_name_pinned(edit.lines)} no longer pinned: {sentence}"
    if len(edit_set.edits) > 1:  # others may have it in another stage
        sentence = _STAGE.sub("", sentence)
    signs = [line[0] for line in edit.lines]
    if max(signs.count("-"), signs.count("+")) < 2:
        return sentence  # one line in place of another is one matter
    # A base and a label without a blank line between are one edit; the label may not go unsaid.
    plain = (statement for statement in statements if statement.phrase not in _VAGUE)
    others = {statement.kind for statement in plain} - {kind, *_PINNED[kind == "lost pin"]}
    also = ", ".join(other for other in CHANGE_KINDS if other in others)
    return f"{sentence}; also {also}" if also else sentence


def _describe_sources(edit_set: EditSet, moves: MoveFinder) -> str:
    return _shorten(moves.describe_sources(edit_set.edits))


def _name_pinned(lines: Iterable[str]) -> str:
    """Return what the lines that go had pinned."""
    removed = "\n".join(line for line in lines if line[0] == "-")
    if _PINNED_BASE.search(removed):
        return "base image"
    return "source" if _COMMIT.search(removed) else "download"


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
    return parse(content.decode("utf-8", "replace"))


def _sentence(edit: FileEdit, lines: tuple[str, ...]) -> str:
    """Return what happens to a whole file, or to some lines by quoting the first of them."""
    added = sum(line[0] == "+" for line in lines)
    removed = sum(line[0] == "-" for line in lines)
    if edit.operation == "mode":
        old, new = edit.modes
        return f"{edit.path}: mode {old:o} -> {new:o}"
    if edit.operation == "binary":
        verbs = {(True, False): "is new, a", (False, True): "is deleted, a"}
        verb = verbs.get((edit.modes[0] is None, edit.modes[1] is None), "")
        return f"{edit.path} {verb} binary file" if verb else f"{edit.path}: binary file changed"
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
    before, after = texts_around(old.content.decode("utf-8", "replace"), hunks[0], lines)
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
    texts = _pair_instructions([_BASE.sub(_name_base, text) for text in texts])
    # What lost its pin is the first thing to be said.
    texts.sort(key=lambda text: "no longer pinned" not in text)
    text = _DIGEST.sub(r"\1", "; ".join(texts[:_MOST_STATEMENTS]))
    more = len(texts) - _MOST_STATEMENTS
    return _shorten(text) + (f" (and {more} more)" if more > 0 else "")


def _pair_instructions(texts: Sequence[str]) -> list[str]:
    """Return `CMD a -> b` for an instruction that goes where only one of its name comes."""
    by_name: dict[tuple[str, str], list[re.Match[str]]] = {}
    for match in filter(None, map(_INSTRUCTION.fullmatch, texts)):
        by_name.setdefault((match["name"], match["place"]), []).append(match)
    replacing: dict[str, str] = {}
    for (name, place), matches in by_name.items():
        if [match["verb"] for match in matches] == ["removed", "now"]:
            old, new = matches
            replacing |= {old[0]: f"{name} {old['text']} -> {new['text']}{place}", new[0]: ""}
    return [replacing.get(text, text) for text in texts if replacing.get(text, text)]


def _name_base(match: re.Match[str]) -> str:
    """Return what happens to the base of a stage as summaries say it."""
    old, old_digest = match["old"], match["old_digest"]
    new, new_digest = match["new"], match["new_digest"]
    stage = "" if match["stage"] == _LAST_STAGE else f"stage {match['stage']}: "
    if old_digest and not new_digest:
        was = old_digest if old == new else with_digest(old, old_digest)
        return f"{stage}base image no longer pinned: {new} (was {was})"
    move = f"{old} -> {new}"
    if old == new:
        move = f"{new}: {old_digest or 'unpinned'} -> {new_digest or 'unpinned'}"
    return f"{stage}base image {move}"


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
