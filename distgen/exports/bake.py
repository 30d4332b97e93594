"""Turn images into `docker-bake.json`, the targets of `docker buildx bake`.

The keys are those of https://docs.docker.com/build/bake/reference/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.parse import Dockerfile, image_words, mounts, parse
from distgen.exports.records import (
    ExportFormat,
    ExportResult,
    FormatOption,
    MatrixEntry,
    RefusedImage,
    Selection,
)
from distgen.exports.unique_names import unique_names
from distgen.model.lock import Lock
from distgen.model.reference import HUB, read_reference, untagged_name
from distgen.model.rendered import File

FILE = "docker-bake.json"
_FOREIGN = re.compile(r"[^a-zA-Z0-9-]")
_SECRET_MOUNTS = {"secret", "ssh"}


def write_bake(selection: Selection) -> ExportResult:
    """Return one file with a target for each image, and groups for namespaces and streams."""
    folder = selection.options.get("context", "")
    contents = {
        entry.key: _read_dockerfile(entry, selection.dockerfiles[entry.key], folder)
        for entry in selection.entries
    }
    entries = [entry for entry in selection.entries if not contents[entry.key].refusal]
    refused = tuple(
        RefusedImage(key, content.refusal) for key, content in contents.items() if content.refusal
    )
    names = _target_names(entries)
    exported = {entry.key: entry for entry in entries}
    descriptions = {image.key: image.description for image in selection.images}
    targets = {
        names[entry.key]: _escape(
            {
                **_description(descriptions[entry.key]),
                "context": _context(entry, folder),
                **_contexts(entry, contents[entry.key].images, exported, selection.lock, names),
                "tags": [f"{untagged_name(entry.reference)}:{tag}" for tag in entry.tags],
                **({"platforms": list(entry.platforms)} if entry.platforms else {}),
                **_list_entitlements(contents[entry.key]),
            }
        )
        for entry in entries
    }
    groups = _escape(_groups(selection, entries, names))
    text = json.dumps({"group": groups, "target": targets}, indent=2) + "\n"
    return ExportResult((File(FILE, text.encode()),), refused)


@dataclass(frozen=True, slots=True)
class _DockerfileContent:
    """What bake is told of a Dockerfile: why it cannot be built, images it names, rights it needs.

    The names of its own stages are no images.
    """

    refusal: str
    images: tuple[str, ...]
    entitlements: tuple[str, ...]


def _read_dockerfile(entry: MatrixEntry, text: str, folder: str) -> _DockerfileContent:
    dockerfile = parse(text)
    return _DockerfileContent(
        _refusal(entry, dockerfile, folder),
        tuple(
            word
            for word, _, how, stage in image_words(dockerfile)
            if how == "FROM" or not dockerfile.stage(word, stage)
        ),
        tuple(sorted(_entitlements(dockerfile))),
    )


def _refusal(entry: MatrixEntry, dockerfile: Dockerfile, folder: str) -> str:
    """Return what of an image bake could not be told, "" where there is nothing."""
    for step in _steps(dockerfile):
        if any(mount.type in _SECRET_MOUNTS for mount in mounts(step.trigger or step)):
            return f"line {step.line} of its Dockerfile mounts a build secret"
    # BuildKit takes other addresses of the web for an archive that it downloads.
    if not folder and not entry.repository.endswith(".git"):
        return f"BuildKit reads {entry.repository} as git only if it ends in .git"
    return ""


def _steps(dockerfile: Dockerfile) -> Iterator[Instruction]:
    for stage in dockerfile.stages:
        yield from stage.instructions


def _entitlements(dockerfile: Dockerfile) -> set[str]:
    """Return what BuildKit grants to no build that does not ask for it."""
    return {
        right
        for step in _steps(dockerfile)
        for right, flag in (("network.host", "network"), ("security.insecure", "security"))
        if f"{flag}.{step.flag(flag)}" == right
    }


def _list_entitlements(content: _DockerfileContent) -> dict[str, list[str]]:
    return {"entitlements": [*content.entitlements]} if content.entitlements else {}


def _target_names(entries: Sequence[MatrixEntry]) -> dict[str, str]:
    """Return the name of each image's target by its key.

    No part of a name holds an underscore, so that targets (three parts), groups of a stream (two)
    and those of a namespace (one) never meet.
    """
    return _unique_names({entry.key: (*entry.image.split("/"), entry.stream) for entry in entries})


def _unique_names(
    parts: Mapping[str, Sequence[str]], reserved: Sequence[str] = ()
) -> dict[str, str]:
    spelled = {key: "_".join(_FOREIGN.sub("-", part) for part in parts[key]) for key in parts}
    exact = {key for key in parts if "_".join(parts[key]) == spelled[key]}
    return unique_names(spelled, exact, reserved)


def _groups(
    selection: Selection, entries: Sequence[MatrixEntry], targets: Mapping[str, str]
) -> dict[str, Any]:
    """Return `default` with all targets, a group for each namespace, and for each stream of it."""
    members: dict[tuple[str, ...], list[str]] = {}
    for entry in entries:
        for parts in ((entry.namespace,), (entry.namespace, entry.stream)):
            members.setdefault(parts, []).append(targets[entry.key])
    by_text = {"@".join(parts): parts for parts in members}
    names = _unique_names(by_text, reserved=("default",))
    groups = {
        names[text]: {
            **_description(selection.namespaces[parts[0]].description),
            "targets": sorted(members[parts]),
        }
        for text, parts in by_text.items()
    }
    return {
        "default": {"targets": sorted(targets.values())},
        **{name: groups[name] for name in sorted(groups)},
    }


def _description(text: str) -> dict[str, str]:
    line = " ".join(text.split())
    return {"description": line} if line else {}


def _context(entry: MatrixEntry, folder: str) -> str:
    if folder:
        return f"{folder.rstrip('/')}/{entry.image}/{entry.stream}"
    below = "" if entry.path == "." else f":{entry.path}"
    return f"{entry.repository}#{entry.commit}{below}"


def _contexts(
    entry: MatrixEntry,
    images: Sequence[str],
    exported: Mapping[str, MatrixEntry],
    lock: Lock,
    names: Mapping[str, str],
) -> dict[str, dict[str, str]]:
    """Return which of these images, which its Dockerfile names, are targets of the same file."""
    parents = [exported[key] for key in entry.depends_on if key in exported]
    contexts: dict[str, str] = {}
    for word in images:
        if parent := _named_parent(word, parents, lock):
            contexts |= dict.fromkeys(_spellings(word), f"target:{names[parent.key]}")
    return {"contexts": dict(sorted(contexts.items()))} if contexts else {}


def _named_parent(word: str, parents: Sequence[MatrixEntry], lock: Lock) -> MatrixEntry | None:
    """Return the parent that a word of a Dockerfile names, by one of its tags or by a digest.

    Of several streams a digest means the one that the lock has it for; where that is unknown, the
    child keeps the digest that it names.
    """
    reference = read_reference(word)
    name = reference.name if reference else ""
    namesakes = [parent for parent in parents if _name(parent.reference) == name]
    if reference and reference.tag:
        return next((parent for parent in namesakes if reference.tag in parent.tags), None)
    if len(namesakes) > 1:
        bases = {parent.key: lock.bases.get(parent.reference) for parent in namesakes}
        digest = reference.digest if reference else None
        namesakes = [p for p in namesakes if (base := bases[p.key]) and base.digest == digest]
    return namesakes[0] if len(namesakes) == 1 else None


def _name(text: str) -> str:
    reference = read_reference(text)
    return reference.name if reference else text


def _spellings(word: str) -> tuple[str, ...]:
    """Return a reference as a Dockerfile has it, and as BuildKit looks it up.

    Bake hands the keys of `contexts` on as they are, and BuildKit asks for the familiar name of the
    reference: without `docker.io/`, `library/` and `:latest`.
    """
    reference = read_reference(word)
    if reference is None:
        return (word,)
    text = str(reference)
    if reference.registry == HUB:
        text = text.removeprefix(f"{HUB}/")
        # Only official images lose it: `library/a/b` stays.
        if reference.repository.count("/") == 1:
            text = text.removeprefix("library/")
    return tuple(dict.fromkeys((word, text.removesuffix(":latest"))))


def _escape(value: Any) -> Any:
    """Return data whose texts bake takes as they are: to it, each is a template of HCL."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, list):
        return [_escape(item) for item in value]
    return {_escape(key): _escape(item) for key, item in value.items()}


FORMAT = ExportFormat(
    name="bake",
    place="beside",
    summary="Targets for `docker buildx bake`, which builds images in the order of their parents.",
    write=write_bake,
    needs=frozenset({"commits", "dockerfiles"}),
    file_name=FILE,
    options=(
        FormatOption(
            "context",
            "DIR",
            "Build the trees that `distgen render -o DIR` wrote, not published commits.",
            replaces_commits=True,
        ),
    ),
)
