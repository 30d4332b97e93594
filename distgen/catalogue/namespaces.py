"""Reads the settings of a namespace: registry, streams, policy, values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from distgen.catalogue.deployments import read_deployment
from distgen.catalogue.export_settings import read_export_layer
from distgen.catalogue.folder import read_document
from distgen.catalogue.records import Group, Settings, edit_policy
from distgen.catalogue.settings import merge_dist_git, values_layer
from distgen.catalogue.tag_streams import FROM_TAGS, branches_clash, read_tag_streams
from distgen.errors import InputError
from distgen.model.catalogue import Layer, Namespace, Stream, TagPolicy
from distgen.model.policy import Policy, Retention, RuleSettings
from distgen.model.words import Origin
from distgen.schema.check import check_document
from distgen.schema.formats import format_problem
from distgen.schema.packaged import validator_of
from distgen.schema.yaml import Document

FOLDER = "overlays"
FILE = "namespace.yaml"
_SETTINGS = ("level", "reason", "images", "exempt")


def read_namespace(root: Path, name: str, site: Settings) -> Group:
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
    data = check_document(validator_of("namespace"), document)
    namespace = Namespace(
        name=name,
        description=data.get("description", ""),
        registry=data.get("registry", ""),
        repository=data.get("repository", "{image}"),
        streams=_streams(data["streams"], document),
        policy=_policy(data.get("policy", {}), document),
        exports=tuple(data.get("exports", ())),
        dist_git=merge_dist_git(data, document, site.dist_git),
        origin=document.origin(),
        tags=_tags(data, document),
        retention=_retention(data.get("retention", {})),
        on_edit=(*edit_policy(data.get("on_edit")), *site.on_edit),
        folding=data.get("linguist_generated", "own"),
        platforms=tuple(data.get("platforms", ())),
    )
    namespace = replace(
        namespace,
        from_tags=read_tag_streams(namespace, data, document),
        deployment=read_deployment(data, document, namespace.streams),
    )
    layers = _stream_layers(namespace, document)
    source = data.get("source", "")
    settings = Layer("namespace", path, document.data.get(source) or {}, document.marks, (source,))
    values = values_layer("namespace", document, ())
    exports = read_export_layer(data, document)
    return Group(namespace, document, values, layers, source, settings, exports)


def _stream_layers(namespace: Namespace, document: Document) -> dict[str, Layer]:
    return {
        stream.name: values_layer("stream", document, ("streams", stream.name))
        for stream in namespace.streams
    }


def _refuse_name(name: str, folder: str) -> None:
    problem = format_problem("name", name)
    # `from: quay.io/app` would mean an image of the namespace quay.io, or one of a registry.
    if not problem and ("." in name or name == "localhost"):
        problem = "would be read as the host of a registry"
    if problem:
        raise InputError(f"`{name}` {problem}", where=Origin(folder), hint="rename the folder")


def _streams(streams: Mapping[str, Any], document: Document) -> tuple[Stream, ...]:
    result: list[Stream] = []
    for name, data in streams.items():
        if name == FROM_TAGS:
            continue
        keys = data or {}
        tags = tuple(keys.get("tags", (name,)))
        stream = Stream(name, keys.get("branch", name), tags, keys.get("speculative", False))
        if problem := format_problem("branch", stream.branch):
            where = document.origin(("streams", name))
            raise InputError(f"`{name}` {problem}", where=where, hint="give the stream a `branch`")
        for earlier in result:
            if branches_clash(stream.branch, earlier.branch):
                raise InputError(
                    f"the streams `{earlier.name}` and `{name}` cannot have the branches "
                    f"`{earlier.branch}` and `{stream.branch}` in one repository",
                    where=document.origin(("streams", name, "branch")),
                    hint="give each its own branch",
                )
        result.append(stream)
    return tuple(result)


def _tags(data: Mapping[str, Any], document: Document) -> TagPolicy:
    tags, usual = data.get("tags", {}), TagPolicy()
    for key in tags if data.get("source") else ():
        if key != "promoted":
            raise InputError(
                "images of a source have no component with releases and branches",
                where=document.origin(("tags", key)),
                hint=f"leave `{key}` out, and write tags into the streams",
            )
    return TagPolicy(
        component=tags.get("component", usual.component),
        releases=tuple(tags.get("releases", usual.releases)),
        latest=tags.get("latest", usual.latest),
        branches=tuple(tags.get("branches", usual.branches)),
        aliases=tuple(tags.get("aliases", usual.aliases)),
        promoted=tuple(tags.get("promoted", usual.promoted)),
    )


def _retention(retention: Mapping[str, Any]) -> Retention:
    days = tuple(retention.get("days", {}).items())
    return Retention(tuple(retention.get("keep", ())), days)


def _policy(policy: Mapping[str, Any], document: Document) -> Policy:
    rules = tuple(
        RuleSettings(
            code=code,
            level=rule.get("level"),
            reason=rule.get("reason", ""),
            images=tuple(rule.get("images", ())),
            exempt=tuple(rule.get("exempt", {}).items()),
            options={key: value for key, value in rule.items() if key not in _SETTINGS},
            origin=document.origin(("policy", "rules", code)),
        )
        for code, rule in policy.get("rules", {}).items()
    )
    return Policy(tuple(policy.get("roots", ())), rules)
