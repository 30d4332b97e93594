"""Turn the old and new files of a branch into a summary: a subject, and a line for each change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from distgen.dockerfile.filename import is_dockerfile
from distgen.model.published import Manifest, Statement
from distgen.model.words import ATTRIBUTES, CHANGE_KINDS, MANIFEST, ChangeKind
from distgen.publish.dockerfile_statements import dockerfile_statements
from distgen.publish.kinds import file_kind
from distgen.publish.pin_statements import (
    NO_ALIASES,
    Aliases,
    find_aliases,
    merge_lines,
    pin_statements,
    shorten_identity,
    with_digest,
)
from distgen.text.diff import is_binary
from distgen.text.line_matcher import LineMatcher

WIDTH = 72
Contents = Mapping[str, bytes | None]

_NOUNS = {"formatting": "documents"}
_METADATA = Statement("formatting", "metadata updated", ())


@dataclass(frozen=True, slots=True)
class Summary:
    """What a change means to a reader: `subject` for the log's one line, statements for its text.

    The statements are ordered by kind: what a reviewer has to see comes first.
    """

    subject: str
    statements: tuple[Statement, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(line for statement in self.statements for line in statement.lines)


def summarize_first(image: str, stream: str, new: Manifest) -> Summary:
    """Describe the first publication of a stream."""
    bases = (
        f"base image {with_digest(name, digest)}" for name, digest in sorted(new.bases.items())
    )
    sources = (
        f"source {name} {source['git']} at "
        f"{shorten_identity(source.get('commit') or source.get('ref'))}"
        for name, source in sorted(new.sources.items())
    )
    merged = (
        line for name, source in sorted(new.sources.items()) for line in merge_lines(name, source)
    )
    statements = (
        Statement("base", "first base images", tuple(bases)),
        Statement("source", "first sources", (*sources, *merged)),
    )
    subject = f"{image}: first publication of stream {stream}"
    return Summary(subject, tuple(statement for statement in statements if statement.lines))


def _summarize_taking_over(image: str, new: Manifest) -> Summary:
    """Describe the first publication onto a branch that has all the files already."""
    count = len(new.files)
    line = f"{count} files stay as they are" if count > 1 else "its file stays as it is"
    taken_over = Statement("files", "taking over", (line,))
    first = summarize_first(image, new.stream, new)
    subject = f"{image}: taking over stream {new.stream}"
    return Summary(subject, (*first.statements, taken_over))


def summarize(
    image: str, old: Manifest | None, new: Manifest, before: Contents, after: Contents
) -> Summary:
    """Describe a change by the changed paths before and after, None where there is no file."""
    if old is None and before == {MANIFEST: None}:
        return _summarize_taking_over(image, new)
    if old is None and set(before.values()) == {None}:
        return summarize_first(image, new.stream, new)  # on a branch that somebody began
    statements = list(_statements(old, new, before, after)) or [_METADATA]
    statements.sort(key=lambda statement: CHANGE_KINDS.index(statement.kind))
    subject = _subject(image, statements)
    return Summary(subject, tuple(statements))


def _statements(
    old: Manifest | None, new: Manifest, before: Contents, after: Contents
) -> Iterator[Statement]:
    aliases = NO_ALIASES
    if old is not None:
        yield from pin_statements(old, new)
        aliases = find_aliases(old, new)
    for path in sorted({*before, *after}):
        old_content, new_content = before.get(path), after.get(path)
        if is_dockerfile(path) and old_content is not None and new_content is not None:
            yield from dockerfile_statements(path, _text(old_content), _text(new_content), aliases)
    for kind in CHANGE_KINDS:
        yield from _file_statements(kind, before, after, aliases)


def _file_statements(
    kind: ChangeKind, before: Contents, after: Contents, aliases: Aliases
) -> Iterator[Statement]:
    """Yield what happens to files of a kind, except what only follows a new base or source."""
    paths_by_verb: dict[str, list[str]] = {"added": [], "changed": [], "deleted": []}
    for path in _paths_of_kind(kind, (*before, *after)):
        old, new = before.get(path), after.get(path)
        if old is None:
            paths_by_verb["added"].append(path)
        elif new is None:
            paths_by_verb["deleted"].append(path)
        elif old == new or not (is_dockerfile(path) or _repeats(kind, old, new, aliases)):
            paths_by_verb["changed"].append(path)
    for verb, paths in paths_by_verb.items():
        if paths:
            phrase = paths[0] if len(paths) == 1 else f"{len(paths)} {_NOUNS.get(kind, 'files')}"
            lines = (f"{verb} {path}{_size(before.get(path), after.get(path))}" for path in paths)
            yield Statement(kind, f"{phrase} {verb}", tuple(lines))


def _paths_of_kind(kind: ChangeKind, paths: Iterable[str]) -> list[str]:
    return sorted(path for path in {*paths} - {MANIFEST, ATTRIBUTES} if file_kind(path) == kind)


def _repeats(kind: ChangeKind, old: bytes, new: bytes, aliases: Aliases) -> bool:
    """Tell whether a file changed only because a base or a source did."""
    if is_binary(old) or is_binary(new):
        return False
    if kind == "formatting":
        return aliases.documents_agree(_text(old), _text(new))
    return aliases.lines_agree(_text(old).split("\n"), _text(new).split("\n"))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _size(old: bytes | None, new: bytes | None) -> str:
    """Return how many lines were added and removed, for a file that is there before and after."""
    if old is None or new is None:
        return ""
    if old == new:
        return " (mode)"
    if is_binary(old) or is_binary(new):
        return " (binary)"
    added = removed = 0
    matcher = LineMatcher(old.split(b"\n"), new.split(b"\n"))
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag != "equal":
            removed, added = removed + old_end - old_start, added + new_end - new_start
    return f" (+{added} -{removed})"


def _subject(image: str, statements: Sequence[Statement]) -> str:
    """Return the image and as many phrases as fit; a warning is said in any case."""
    phrases = [statement.phrase for statement in statements]
    for number in range(len(phrases), 0, -1):
        rest = len(phrases) - number
        parts = [*phrases[:number], *([f"{rest} more"] if rest else [])]
        subject = f"{image}: {', '.join(parts)}"
        if len(subject) <= WIDTH or (number == 1 and statements[0].level == "warning"):
            return subject
    count = "1 change" if len(phrases) == 1 else f"{len(phrases)} changes"
    return f"{image}: {count}"
