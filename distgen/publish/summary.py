"""Turn the old and new files of a branch into what a reviewer reads: a subject, a line a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from distgen.dockerfile.filename import is_dockerfile
from distgen.dockerfile.parse import Dockerfile, packages, parse, script
from distgen.model.published import Manifest
from distgen.model.words import ATTRIBUTES, MANIFEST
from distgen.text.diff import is_binary

WIDTH = 72
Contents = Mapping[str, bytes | None]

_ASPECTS = {
    "ENV": "environment",
    "LABEL": "labels",
    "USER": "user",
    "EXPOSE": "ports",
    "VOLUME": "volumes",
    "WORKDIR": "working folder",
    "ENTRYPOINT": "entrypoint",
    "CMD": "command",
    "HEALTHCHECK": "health check",
    "STOPSIGNAL": "stop signal",
    "SHELL": "shell",
}


@dataclass(frozen=True, slots=True)
class Summary:
    """What a change means: `subject` for the log's one line, `lines` for its text."""

    subject: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One kind of change: how it reads in a subject, and its lines."""

    phrase: str
    lines: tuple[str, ...]


def summarize_first(image: str, stream: str, new: Manifest) -> Summary:
    """Describe the first publication of a stream."""
    lines = [f"base image {_pinned(name, digest)}" for name, digest in sorted(new.bases.items())]
    lines += [
        f"source {name} {source['git']} at {_short(source.get('commit') or source.get('ref'))}"
        for name, source in sorted(new.sources.items())
    ]
    return Summary(f"{image}: first publication of stream {stream}", tuple(lines))


def summarize(
    image: str, old: Manifest | None, new: Manifest, before: Contents, after: Contents
) -> Summary:
    """Describe a change by the changed paths before and after, None where there is no file."""
    if old is None and set(before.values()) == {None}:
        return summarize_first(image, new.stream, new)  # on a branch that somebody began
    facts = tuple(_facts(old, new, before, after)) or (Fact("metadata updated", ()),)
    lines = tuple(line for fact in facts for line in fact.lines)
    return Summary(_subject(image, [fact.phrase for fact in facts]), lines)


def _facts(
    old: Manifest | None, new: Manifest, before: Contents, after: Contents
) -> Iterator[Fact]:
    renamed: dict[str, str] = {}
    if old is not None:
        yield from _bases(old.bases, new.bases, renamed)
        yield from _sources(old.sources, new.sources, renamed)
    for path in sorted({*before, *after}):
        was, now = before.get(path), after.get(path)
        if is_dockerfile(path) and was is not None and now is not None:
            yield from _dockerfile(path, _text(was, renamed), _text(now, {}))
    yield from _files(before, after)


def _bases(
    old: Mapping[str, str | None], new: Mapping[str, str | None], renamed: dict[str, str]
) -> Iterator[Fact]:
    lines = []
    for name in sorted({*old} & {*new}):
        if old[name] != new[name]:
            lines.append(f"base image {name}: {_short(old[name])} -> {_short(new[name])}")
            renamed |= _respelt(name, old[name], name, new[name])
    if lines:
        yield Fact(_count(len(lines), "base image", "updated"), tuple(lines))
    gone, come = sorted({*old} - {*new}), sorted({*new} - {*old})
    if len(gone) == len(come) == 1:
        renamed |= _respelt(gone[0], old[gone[0]], come[0], new[come[0]])
        yield Fact("base image changed", (f"base image {gone[0]} -> {come[0]}",))
    elif gone or come:
        lines = [f"base image {name} removed" for name in gone]
        lines += [f"base image {_pinned(name, new[name])} added" for name in come]
        yield Fact("base images changed", tuple(lines))


def _respelt(was: str, old: str | None, now: str, new: str | None) -> dict[str, str]:
    """Return what to replace in the old text so that a new base alone makes no difference."""
    pin = f"@{new}" if new else ""
    return {was: now, f"@{old}": pin} if old else {was: now + pin}


def _sources(
    old: Mapping[str, Mapping[str, str | None]],
    new: Mapping[str, Mapping[str, str | None]],
    renamed: dict[str, str],
) -> Iterator[Fact]:
    names: dict[str, list[str]] = {"updated": [], "added": [], "removed": []}
    lines = []
    for name in sorted({*old, *new}):
        was, now = _pin(old.get(name)), _pin(new.get(name))
        if was == now:
            continue
        verb = "added" if not was else "removed" if not now else "updated"
        names[verb].append(name)
        lines.append(f"source {name}: {_short(was)} -> {_short(now)}" if verb == "updated"
                     else f"source {name} {verb}")  # fmt: skip
        if was:
            renamed[was] = now
    for verb, found in names.items():
        if found:
            what = f"source {found[0]}" if len(found) == 1 else f"{len(found)} sources"
            yield Fact(f"{what} {verb}", tuple(lines))
            lines = []


def _dockerfile(path: str, old: str, new: str) -> Iterator[Fact]:
    if old == new:
        return
    was, now = parse(old), parse(new)
    facts = [*_packages(was, now), *_instructions(was, now)]
    if not facts and _code(was) != _code(now):
        facts = [Fact(f"{path} changed", (f"{path} changed",))]
    yield from facts


def _packages(was: Dockerfile, now: Dockerfile) -> Iterator[Fact]:
    old, new = packages(was.instructions), packages(now.instructions)
    before = {(manager, name) for manager, names in old.items() for name in names}
    after = {(manager, name) for manager, names in new.items() for name in names}
    for verb, found in (("added", after - before), ("removed", before - after)):
        if found:
            lines = tuple(f"{manager} package {verb}: {name}" for manager, name in sorted(found))
            yield Fact(_count(len(found), "package", verb), lines)


def _instructions(was: Dockerfile, now: Dockerfile) -> Iterator[Fact]:
    for command, aspect in _ASPECTS.items():
        old, new = _said(was, command), _said(now, command)
        if old != new:
            lines = [f"removed: {text}" for text in old if text not in new]
            lines += [f"now: {text}" for text in new if text not in old]
            yield Fact(f"{aspect} changed", tuple(lines) or (f"{aspect} reordered",))
    if not any(_packages(was, now)) and _scripts(was) != _scripts(now):
        yield Fact("build steps changed", ("build steps changed",))


def _files(before: Contents, after: Contents) -> Iterator[Fact]:
    found: dict[str, list[str]] = {"added": [], "changed": [], "deleted": []}
    for path in sorted({*before, *after} - {MANIFEST, ATTRIBUTES}):
        was, now = before.get(path), after.get(path)
        if was is None or now is None:
            found["added" if was is None else "deleted"].append(path)
        elif not is_dockerfile(path):
            found["changed"].append(path)
    for verb, paths in found.items():
        if paths:
            what = paths[0] if len(paths) == 1 else f"{len(paths)} files"
            lines = (f"{verb} {path}{_size(before.get(path), after.get(path))}" for path in paths)
            yield Fact(f"{what} {verb}", tuple(lines))


def _size(was: bytes | None, now: bytes | None) -> str:
    """Return how many lines came and went, for a file that is there before and after."""
    if was is None or now is None:
        return ""
    if was == now:
        return " (mode)"
    if is_binary(was) or is_binary(now):
        return " (binary)"
    old, new = was.split(b"\n"), now.split(b"\n")
    added = removed = 0
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            removed, added = removed + b - a, added + d - c
    return f" (+{added} -{removed})"


def _subject(image: str, phrases: list[str]) -> str:
    for shown in range(len(phrases), 0, -1):
        rest = len(phrases) - shown
        parts = [*phrases[:shown], *([f"{rest} more"] if rest else [])]
        subject = f"{image}: {', '.join(parts)}"
        if len(subject) <= WIDTH:
            return subject
    return f"{image}: {_count(len(phrases), 'change', '')}".rstrip()


def _count(number: int, noun: str, verb: str) -> str:
    if number == 1:
        return f"{noun} {verb}" if noun == "base image" else f"1 {noun} {verb}"
    return f"{number} {noun}s {verb}"


def _pin(source: Mapping[str, str | None] | None) -> str:
    return (
        "" if source is None else source.get("commit") or source.get("ref") or source["git"] or ""
    )


def _pinned(name: str, digest: str | None) -> str:
    return f"{name}@{_short(digest)}" if digest else name


def _short(identity: str | None) -> str:
    """Shorten a digest or a commit to what a person compares."""
    if identity is None:
        return "unpinned"
    kind, colon, digits = identity.rpartition(":")
    is_hex = len(digits) >= 40 and all(letter in "0123456789abcdef" for letter in digits)
    return f"{kind}{colon}{digits[:12]}" if is_hex else identity


def _text(content: bytes, renamed: Mapping[str, str]) -> str:
    text = content.decode("utf-8", "replace")
    for was, now in renamed.items():
        text = text.replace(was, now)
    return text


def _said(file: Dockerfile, command: str) -> list[str]:
    return [" ".join(step.original.split()) for step in file.instructions if step.cmd == command]


def _scripts(file: Dockerfile) -> list[str]:
    return [script(step) for step in file.instructions if step.cmd == "RUN"]


def _code(file: Dockerfile) -> list[str]:
    return [" ".join(step.original.split()) for step in file.instructions] or [file.text]
