"""Turn the old and new files of a branch into a summary: a subject, and a line for each change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from distgen.dockerfile.filename import is_dockerfile
from distgen.dockerfile.parse import Dockerfile, installed_packages, parse, run_script
from distgen.model.published import Manifest
from distgen.model.words import ATTRIBUTES, MANIFEST
from distgen.text.diff import is_binary

WIDTH = 72
Contents = Mapping[str, bytes | None]
Bases = Mapping[str, str | None]
Sources = Mapping[str, Mapping[str, str | None]]

_ASPECTS = {
    "ENV": "environment",
    "LABEL": "labels",
    "USER": "user",
    "EXPOSE": "ports",
    "VOLUME": "volumes",
    "WORKDIR": "thread_pool folder",
    "ENTRYPOINT": "entrypoint",
    "CMD": "command",
    "HEALTHCHECK": "health check",
    "STOPSIGNAL": "stop signal",
    "SHELL": "shell",
}


@dataclass(frozen=True, slots=True)
class Summary:
    """What a change means to a reader: `subject` for the log's one line, `lines` for its text."""

    subject: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One kind of change: a phrase for the subject, and its lines."""

    phrase: str
    lines: tuple[str, ...]


def summarize_first(image: str, stream: str, new: Manifest) -> Summary:
    """Describe the first publication of a stream."""
    lines = [
        f"base image {_with_digest(name, digest)}" for name, digest in sorted(new.bases.items())
    ]
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
        yield from _bases(old.bases, new.bases)
        yield from _sources(old.sources, new.sources)
        renamed = {
            **_renamed_bases(old.bases, new.bases),
            **_renamed_pins(old.sources, new.sources),
        }
    for path in sorted({*before, *after}):
        old_content, new_content = before.get(path), after.get(path)
        if is_dockerfile(path) and old_content is not None and new_content is not None:
            yield from _dockerfile(path, _text(old_content, renamed), _text(new_content, {}))
    yield from _files(before, after)


def _bases(old: Bases, new: Bases) -> Iterator[Fact]:
    lines = [
        f"base image {name}: {_short(old[name])} -> {_short(new[name])}"
        for name in sorted({*old} & {*new})
        if old[name] != new[name]
    ]
    if lines:
        yield Fact(_count(len(lines), "base image", "updated"), tuple(lines))
    removed, added = sorted({*old} - {*new}), sorted({*new} - {*old})
    if len(removed) == len(added) == 1:
        yield Fact("base image changed", (f"base image {removed[0]} -> {added[0]}",))
    elif removed or added:
        lines = [f"base image {name} removed" for name in removed]
        lines += [f"base image {_with_digest(name, new[name])} added" for name in added]
        yield Fact("base images changed", tuple(lines))


def _renamed_bases(old: Bases, new: Bases) -> dict[str, str]:
    """Return what to replace in the old text so that a new base alone makes no difference."""
    pairs = [(name, name) for name in sorted({*old} & {*new}) if old[name] != new[name]]
    removed, added = {*old} - {*new}, {*new} - {*old}
    if len(removed) == len(added) == 1:
        pairs += zip(removed, added, strict=True)
    renamed: dict[str, str] = {}
    for old_name, new_name in pairs:
        digest = f"@{new[new_name]}" if new[new_name] else ""
        if old[old_name]:
            renamed |= {old_name: new_name, f"@{old[old_name]}": digest}
        else:
            renamed[old_name] = new_name + digest
    return renamed


def _sources(old: Sources, new: Sources) -> Iterator[Fact]:
    names: dict[str, list[str]] = {"updated": [], "added": [], "removed": []}
    lines = []
    for name in sorted({*old, *new}):
        old_pin, new_pin = _pin(old.get(name)), _pin(new.get(name))
        if old_pin == new_pin:
            continue
        verb = "added" if not old_pin else "removed" if not new_pin else "updated"
        names[verb].append(name)
        lines.append(f"source {name}: {_short(old_pin)} -> {_short(new_pin)}" if verb == "updated"
                     else f"source {name} {verb}")  # fmt: skip
    for verb, changed in names.items():
        if changed:
            phrase = f"source {changed[0]}" if len(changed) == 1 else f"{len(changed)} sources"
            yield Fact(f"{phrase} {verb}", tuple(lines))
            lines = []


def _renamed_pins(old: Sources, new: Sources) -> dict[str, str]:
    """Return what to replace in the old text so that a new source alone makes no difference."""
    pins = ((_pin(old[name]), _pin(new.get(name))) for name in sorted(old))
    return {old_pin: new_pin for old_pin, new_pin in pins if old_pin and old_pin != new_pin}


def _dockerfile(path: str, old_text: str, new_text: str) -> Iterator[Fact]:
    if old_text == new_text:
        return
    old, new = parse(old_text), parse(new_text)
    facts = [*_packages(old, new), *_instructions(old, new)]
    if not facts and _code(old) != _code(new):
        facts = [Fact(f"{path} changed", (f"{path} changed",))]
    yield from facts


def _packages(old: Dockerfile, new: Dockerfile) -> Iterator[Fact]:
    before, after = _package_names(old), _package_names(new)
    for verb, names in (("added", after - before), ("removed", before - after)):
        if names:
            lines = tuple(f"{manager} package {verb}: {name}" for manager, name in sorted(names))
            yield Fact(_count(len(names), "package", verb), lines)


def _package_names(file: Dockerfile) -> set[tuple[str, str]]:
    """Return the packages that a Dockerfile installs, each with its package manager."""
    managers = installed_packages(file.instructions)
    return {(manager, name) for manager, names in managers.items() for name in names}


def _instructions(old: Dockerfile, new: Dockerfile) -> Iterator[Fact]:
    for command, aspect in _ASPECTS.items():
        old_texts, new_texts = _texts(old, command), _texts(new, command)
        if old_texts != new_texts:
            lines = [f"removed: {text}" for text in old_texts if text not in new_texts]
            lines += [f"now: {text}" for text in new_texts if text not in old_texts]
            yield Fact(f"{aspect} changed", tuple(lines) or (f"{aspect} reordered",))
    if not any(_packages(old, new)) and _scripts(old) != _scripts(new):
        yield Fact("build steps changed", ("build steps changed",))


def _files(before: Contents, after: Contents) -> Iterator[Fact]:
    paths_by_verb: dict[str, list[str]] = {"added": [], "changed": [], "deleted": []}
    for path in sorted({*before, *after} - {MANIFEST, ATTRIBUTES}):
        if before.get(path) is None:
            paths_by_verb["added"].append(path)
        elif after.get(path) is None:
            paths_by_verb["deleted"].append(path)
        elif not is_dockerfile(path):
            paths_by_verb["changed"].append(path)
    for verb, paths in paths_by_verb.items():
        if paths:
            phrase = paths[0] if len(paths) == 1 else f"{len(paths)} files"
            lines = (f"{verb} {path}{_size(before.get(path), after.get(path))}" for path in paths)
            yield Fact(f"{phrase} {verb}", tuple(lines))


def _size(old: bytes | None, new: bytes | None) -> str:
    """Return how many lines were added and removed, for a file that is there before and after."""
    if old is None or new is None:
        return ""
    if old == new:
        return " (mode)"
    if is_binary(old) or is_binary(new):
        return " (binary)"
    added = removed = 0
    matcher = SequenceMatcher(None, old.split(b"\n"), new.split(b"\n"), autojunk=False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag != "equal":
            removed, added = removed + old_end - old_start, added + new_end - new_start
    return f" (+{added} -{removed})"


def _subject(image: str, phrases: list[str]) -> str:
    for number in range(len(phrases), 0, -1):
        rest = len(phrases) - number
        parts = [*phrases[:number], *([f"{rest} more"] if rest else [])]
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


def _with_digest(name: str, digest: str | None) -> str:
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
    for old, new in renamed.items():
        text = text.replace(old, new)
    return text


def _texts(file: Dockerfile, command: str) -> list[str]:
    return [" ".join(step.original.split()) for step in file.instructions if step.cmd == command]


def _scripts(file: Dockerfile) -> list[str]:
    return [run_script(step) for step in file.instructions if step.cmd == "RUN"]


def _code(file: Dockerfile) -> list[str]:
    return [" ".join(step.original.split()) for step in file.instructions] or [file.text]
