"""Tell what a change of a file or of some lines is about: base, packages, labels, a lost pin."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from distgen.dockerfile.filename import is_dockerfile
from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.parse import Dockerfile, package_versions, run_script
from distgen.model.words import ATTRIBUTES, CHANGE_KINDS, MANIFEST, ChangeKind

_KINDS: Mapping[str, ChangeKind] = {
    "FROM": "base",
    **dict.fromkeys(("USER", "ENTRYPOINT", "CMD", "EXPOSE", "VOLUME", "WORKDIR"), "runtime"),
    **dict.fromkeys(("HEALTHCHECK", "STOPSIGNAL", "SHELL", "ONBUILD"), "runtime"),
    **dict.fromkeys(("ENV", "ARG"), "environment"),
    **dict.fromkeys(("LABEL", "MAINTAINER"), "labels"),
}
_DOCUMENT = re.compile(
    r"(?i)(?:.*/)?(?:readme|license|licence|copying|notice)(?:-[^/]*)?(?:\.(?:txt|html|adoc))?"
    r"|.*\.(?:md|rst)"
)
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")
_IDENTITY = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{128}|[0-9a-f]{64}|[0-9a-f]{40})(?![0-9a-f])")


def file_kind(path: str) -> ChangeKind:
    """Return the kind of a change of a file that is not a Dockerfile."""
    is_text_only = path in (MANIFEST, ATTRIBUTES) or _DOCUMENT.fullmatch(path)
    return "formatting" if is_text_only else "files"


def instruction_kind(cmd: str) -> ChangeKind:
    """Return the kind of a change of an instruction, of its name alone."""
    return _KINDS.get(cmd, "files")


def edit_kind(
    path: str, before: Dockerfile, after: Dockerfile, removed: range, added: range
) -> ChangeKind:
    """Return the kind of an edit: of lines that go from the old text and come to the new one.

    Both ranges count lines from 0, as SequenceMatcher does. Of several kinds the first counts. The
    Dockerfiles matter only where `path` is one.
    """
    if not is_dockerfile(path):
        return file_kind(path)
    old, new = tuple(_touched_steps(before, removed)), tuple(_touched_steps(after, added))
    kinds = set(_kinds_of_edit(old, new, _text(before, removed), _text(after, added)))
    return next((kind for kind in CHANGE_KINDS if kind in kinds), "formatting")


def _kinds_of_edit(
    old: tuple[Instruction, ...], new: tuple[Instruction, ...], old_text: str, new_text: str
) -> Iterator[ChangeKind]:
    old_ids, new_ids = _IDENTITY.findall(old_text), _IDENTITY.findall(new_text)
    if len(old_ids) > len(new_ids) and _loses_pin(old, new, old_text, new_text):
        yield "lost pin"
    commands = {step.cmd for step in (*old, *new)}
    if commands == {"LABEL"}:  # a label may repeat the digest of a base
        yield "labels"
        return
    if old_ids != new_ids and _IDENTITY.sub("", old_text) == _IDENTITY.sub("", new_text):
        yield "base" if _DIGEST.search(old_text) else "source"
        return
    for command in commands:
        if command != "RUN":
            yield instruction_kind(command)
        elif any(name in old_text + new_text for name in _changed_packages(old, new)):
            yield "packages"
        elif _scripts(old) != _scripts(new):
            yield "files"


def _loses_pin(
    old: tuple[Instruction, ...], new: tuple[Instruction, ...], old_text: str, new_text: str
) -> bool:
    """Tell whether what was named by digest, commit or checksum is still there without it."""
    for command in ("FROM", "COPY"):
        names = [step.original for step in new if step.cmd == command]
        if any("@" not in name and re.search(r"[:/]\S", name) for name in names) and any(
            _DIGEST.search(step.original) for step in old if step.cmd == command
        ):
            return True
    is_fetched = any(step.cmd in {"RUN", "ARG", "ADD"} for step in old)
    return is_fetched and old_text.count("://") <= new_text.count("://")


def _changed_packages(old: Iterable[Instruction], new: Iterable[Instruction]) -> set[str]:
    """Return the names of packages that are installed by one side only, or in another version."""
    changed = package_versions(old).items() ^ package_versions(new).items()
    return {name for (_, name), _ in changed}


def _touched_steps(file: Dockerfile, lines: range) -> Iterator[Instruction]:
    """Yield the instructions that have one of these lines."""
    for step in file.instructions:
        if step.line <= lines.stop and lines.start < step.end_line and lines:
            yield step


def _text(file: Dockerfile, lines: range) -> str:
    return "\n".join(file.text.split("\n")[lines.start : lines.stop])


def _scripts(steps: Iterable[Instruction]) -> list[str]:
    return [run_script(step) for step in steps if step.cmd == "RUN"]
