"""A docker-bake.json as `docker buildx bake` reads it, and stricter: it ignores unknown keys.

The keys are those of the Go struct `Target` in `bake/bake.go` of https://github.com/docker/buildx,
with `matrix` and `name` of its reference. Strings are templates of HCL.
"""

from __future__ import annotations

import graphlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
TEXT_BY_NAME = {"type": "object", "additionalProperties": TEXT}
SCALAR_BY_NAME = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
}
NAMED = {"type": "object", "propertyNames": {"pattern": "^[a-zA-Z0-9_-]+$"}}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "variable": NAMED
        | {
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"default": {}, "description": TEXT},
            }
        },
        "group": NAMED
        | {
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["targets"],
                "properties": {"targets": TEXTS, "description": TEXT},
            }
        },
        "target": NAMED
        | {
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    **dict.fromkeys(
                        (
                            *("description", "context", "dockerfile", "dockerfile-inline"),
                            *("target", "network", "shm-size", "call", "name"),
                        ),
                        TEXT,
                    ),
                    **dict.fromkeys(
                        (
                            *("inherits", "annotations", "attest", "tags", "cache-from"),
                            *("cache-to", "secret", "ssh", "platforms", "output"),
                            *("no-cache-filter", "ulimits", "entitlements", "policy"),
                        ),
                        TEXTS,
                    ),
                    **dict.fromkeys(("args", "labels", "extra-hosts"), SCALAR_BY_NAME),
                    "contexts": TEXT_BY_NAME,
                    "pull": {"type": "boolean"},
                    "no-cache": {"type": "boolean"},
                    "matrix": {"type": "object", "additionalProperties": {"type": "array"}},
                    "resources": {"type": "object"},
                },
            }
        },
    },
}
RIGHTS = ("network.host", "security.insecure")
REFERENCE = re.compile(r"[^\s:@]+(:\d+)?(/[^\s:@]+)*:[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}")
COMMIT = re.compile(r"https?://\S+\.git#[0-9a-f]{40}")


def bake_problems(text: str) -> list[str]:
    """Return what is wrong with a file; empty for one that bake builds as it says."""
    data = json.loads(text, object_pairs_hook=_refuse_duplicates)
    problems = [error.message for error in Draft202012Validator(SCHEMA).iter_errors(data)]
    return problems or [*_templates(data), *_links(data), *_values(data)]


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"a name is there twice: {max(names, key=names.count)}")
    return dict(pairs)


def plain(text: str) -> str:
    """Return what bake makes of a string without expressions."""
    return text.replace("$${", "${").replace("%%{", "%{")


def _templates(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        # An odd one stands before what begins an expression; its escape has one more before it.
        if re.search(r"(?<!\$)\$\{|(?<!%)%\{", value):
            yield f"an expression: {value}"
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _templates(name)
            yield from _templates(item)
    elif isinstance(value, list):
        for item in value:
            yield from _templates(item)


def _links(data: Mapping[str, Any]) -> Iterator[str]:
    targets, groups = data.get("target", {}), data.get("group", {})
    for name in targets.keys() & groups.keys():
        yield f"a group and a target are called {name}"
    if len({name.lower() for name in targets}) < len(targets):
        yield "names of targets differ in case alone"
    edges: dict[str, list[str]] = {f"group:{name}": [] for name in groups}
    for name, group in groups.items():
        for member in group["targets"]:
            if member not in targets and member not in groups:
                yield f"failed to find target {member}"
            edges[f"group:{name}"].append(f"group:{member}" if member in groups else member)
    for name, target in targets.items():
        edges[name] = [
            value.removeprefix("target:")
            for value in target.get("contexts", {}).values()
            if value.startswith("target:")
        ]
        edges[name] += target.get("inherits", [])
        for linked in edges[name]:
            if linked not in targets:
                yield f"failed to find target {linked}"
            else:
                yield from _platforms(name, target, linked, targets[linked])
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        yield f"infinite loop from {' to '.join(error.args[1])}"


def _platforms(
    name: str, target: Mapping[str, Any], linked: str, parent: Mapping[str, Any]
) -> Iterator[str]:
    wider = {*target.get("platforms", ())} - {*parent.get("platforms", ())}
    if parent.get("platforms") and wider:
        yield f"{name} is built for {sorted(wider)}, {linked} is not"


def _values(data: Mapping[str, Any]) -> Iterator[str]:
    for name, target in data.get("target", {}).items():
        for tag in target.get("tags", ()):
            if not REFERENCE.fullmatch(tag):
                yield f"{name}: invalid tag {tag}"
        context = target.get("context", ".")
        if "://" in context and not COMMIT.fullmatch(context):
            yield f"{name}: {context} is not a commit of a git repository"
        for right in target.get("entitlements", ()):
            if right not in RIGHTS:
                yield f"{name}: unknown entitlement {right}"
