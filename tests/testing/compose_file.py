"""A compose file as the programs read it that run it: https://github.com/compose-spec."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from testing.vendored_schemas import read_portable_yaml, schema_problems

_VARIABLE = re.compile(
    r"\$(\$|\{[A-Za-z_][A-Za-z0-9_]*(?::?[-?+][^}]*)?\}|[A-Za-z_][A-Za-z0-9_]*)?"
)
_NO_TAG = re.compile(r"(?:latest|)")


def compose_problems(text: str, healthy_images: Collection[str] = ()) -> list[str]:
    """Return what is wrong with a compose file.

    `healthy_images` are the references of images with a HEALTHCHECK of their own.
    """
    data = read_portable_yaml(text)
    problems = schema_problems("compose-spec", data)
    if problems:
        return problems
    services = data["services"]
    for name, service in services.items():
        problems += _image_problems(name, service)
        problems += _dependency_problems(name, service, services, healthy_images)
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if not source.startswith("/") and source not in data.get("volumes", {}):
                problems.append(f"{name}: the volume {source} is not declared")
    problems += [f"`{text}` is not interpolated" for text in _bad_variables(data)]
    return problems


def _image_problems(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    reference, _, digest = service["image"].partition("@")
    tag = reference.rpartition("/")[2].partition(":")[2]
    if not digest and _NO_TAG.fullmatch(tag):
        yield f"{name}: the image {service['image']} is another one every time"
    if tag == "latest":
        yield f"{name}: the image {service['image']} is `latest`"


def _dependency_problems(
    name: str, service: Mapping[str, Any], services: Mapping[str, Any], healthy: Collection[str]
) -> Iterator[str]:
    for target, condition in service.get("depends_on", {}).items():
        if target not in services:
            yield f"{name}: depends on {target}, which is not there"
            continue
        waits = condition["condition"]
        other = services[target]
        if waits == "service_healthy" and not (
            other.get("healthcheck") or other["image"] in healthy
        ):
            yield f"{name}: waits for the health of {target}, which has no health check"
        if waits == "service_completed_successfully" and other.get("restart") not in (
            None,
            "no",
            "on-failure",
        ):
            yield f"{name}: waits for the end of {target}, which is restarted"
        if {*other.get("profiles", ())} and not service.get("profiles"):
            yield f"{name}: waits for {target}, which only a profile starts"


def _bad_variables(data: object) -> Iterator[str]:
    """Yield the strings with a `$` that compose refuses; keys are not interpolated."""
    if isinstance(data, str):
        if any(match[1] is None for match in _VARIABLE.finditer(data)):
            yield data
    elif isinstance(data, dict):
        for value in data.values():
            yield from _bad_variables(value)
    elif isinstance(data, list):
        for value in data:
            yield from _bad_variables(value)


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Return a string as compose hands it to a container."""

    def replace(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        name = re.sub(r"[:?+-].*", "", (match[1] or "").strip("{}"))
        return variables[name]

    return _VARIABLE.sub(replace, text)
