"""Reads what a namespace says of all its images: registry, streams, policy, values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distgen.catalogue.folder import read_document
from distgen.catalogue.settings import merge_dist_git, values_layer
from distgen.errors import InputError
from distgen.model.catalogue import (
    DistGit,
    Layer,
    Namespace,
    Policy,
    Retention,
    RuleSettings,
    Stream,
    TagPolicy,
)
from distgen.model.words import Origin
from distgen.schema.check import check_document
from distgen.schema.formats import format_problem
from distgen.schema.yaml import Document

FOLDER = "overlays"
FILE = "namespace.yaml"
_SETTINGS = ("level", "reason", "images", "exempt")


@dataclass(frozen=True, slots=True)
class Group:
    """A namespace with its layers; the tags in its streams may still hold `{value}`.

    `source` says where its images come from when not from templates, by the source's `settings`.
    """

    namespace: Namespace
    document: Document
    values: Layer
    streams: Mapping[str, Layer]
    source: str
    settings: Layer

    @property
    def name(self) -> str:
        return self.namespace.name


def read_namespace(root: Path, name: str, site: DistGit) -> Group:
    """Read overlays/NAME/namespace.yaml; raise InputError when there is none."""
    folder = f"{FOLDER}/{name}"
    _refuse_name(name, folder)
    path = f"{folder}/{FILE}"
    if not (root / path).is_file():
        raise InputError(
            f"the folder has no {FILE}",
            where=Origin(folder),
            hint="write one with `registry` and `streams`",
        )
    document = read_document(root, path)
    data = check_document("namespace", document)
    namespace = Namespace(
        name=name,
        description=data.get("description", ""),
        registry=data.get("registry", ""),
        repository=data.get("repository", "{image}"),
        streams=_streams(data["streams"], document),
        policy=_policy(data.get("policy", {}), document),
        exports=tuple(data.get("exports", ())),
        dist_git=merge_dist_git(data, document, site),
        origin=document.origin(),
        tags=_tags(data.get("tags", {})),
        retention=_retention(data.get("retention", {})),
    )
    layers = {
        stream: values_layer("stream", document, ("streams", stream)) for stream in data["streams"]
    }
    source = data.get("source", "")
    settings = Layer("namespace", path, document.data.get(source) or {}, document.marks, (source,))
    values = values_layer("namespace", document, ())
    return Group(namespace, document, values, layers, source, settings)


def _refuse_name(name: str, folder: str) -> None:
    problem = format_problem("name", name)
    if not problem and ("." in name or name == "localhost"):
        problem = "would be read as the host of a registry"
    if problem:
        raise InputError(f"`{name}` {problem}", where=Origin(folder), hint="rename the folder")


def _streams(streams: Mapping[str, Any], document: Document) -> tuple[Stream, ...]:
    found: list[Stream] = []
    for name, says in streams.items():
        own = says or {}
        tags = tuple(own.get("tags", (name,)))
        stream = Stream(name, own.get("branch", name), tags, own.get("speculative", False))
        if problem := format_problem("branch", stream.branch):
            where = document.origin(("streams", name))
            raise InputError(f"`{name}` {problem}", where=where, hint="give the stream a `branch`")
        for other in found:
            if _clash(stream.branch, other.branch):
                raise InputError(
                    f"the streams `{other.name}` and `{name}` cannot have the branches "
                    f"`{other.branch}` and `{stream.branch}` in one repository",
                    where=document.origin(("streams", name, "branch")),
                    hint="give each its own branch",
                )
        found.append(stream)
    return tuple(found)


def _clash(one: str, other: str) -> bool:
    """Tell whether git cannot hold both branches: a branch is a file, its slashes are folders."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _tags(says: Mapping[str, Any]) -> TagPolicy:
    usual = TagPolicy()
    return TagPolicy(
        component=says.get("component", usual.component),
        releases=tuple(says.get("releases", usual.releases)),
        latest=says.get("latest", usual.latest),
        branches=tuple(says.get("branches", usual.branches)),
        aliases=tuple(says.get("aliases", usual.aliases)),
        promoted=tuple(says.get("promoted", usual.promoted)),
    )


def _retention(says: Mapping[str, Any]) -> Retention:
    return Retention(tuple(says.get("keep", ())), tuple(says.get("days", {}).items()))


def _policy(policy: Mapping[str, Any], document: Document) -> Policy:
    rules = tuple(
        RuleSettings(
            code=code,
            level=says.get("level"),
            reason=says.get("reason", ""),
            images=tuple(says.get("images", ())),
            exempt=tuple(says.get("exempt", {}).items()),
            options={key: value for key, value in says.items() if key not in _SETTINGS},
            origin=document.origin(("policy", "rules", code)),
        )
        for code, says in policy.get("rules", {}).items()
    )
    return Policy(tuple(policy.get("roots", ())), rules)
