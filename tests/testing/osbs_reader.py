"""OSBS as it reads a repository: the schema of container.yaml, and the labels of the Dockerfile.

The sentences are those of osbs-client (`osbs/repo_utils.py`, `osbs/api.py`) and of atomic-reactor
(`plugins/check_user_settings.py`).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from dockerfile_parse import DockerfileParser
from jsonschema import Draft4Validator

SCHEMA = Path(__file__).parent.parent / "data" / "osbs-container.schema.json"
NAME, COMPONENT, VERSION = (
    ("name", "Name"),
    ("com.redhat.component", "BZComponent"),
    (
        "version",
        "Version",
    ),
)
RELEASE = ("release", "Release")
RELEASE_FORMAT = re.compile(r"^\d+([._]?[a-zA-Z0-9]+)*$")
TAG = re.compile(r"^[\w.]{0,127}$")
SET_BY_OSBS = ("build-date", "architecture", "vcs-type", "vcs-ref")
"""What atomic-reactor's `add_labels_in_df` sets anew in each build."""


def container_problems(text: str) -> list[str]:
    """Return what OSBS says of a container.yaml, and what it drops with a mere warning."""
    data = yaml.safe_load(text)
    errors = list(Draft4Validator(json.loads(SCHEMA.read_text())).iter_errors(data))
    problems = [error.message for error in errors]
    if not errors and data:
        problems += [
            f'Invalid additional tag "{tag}", must match pattern {TAG.pattern}'
            for tag in data.get("tags", ())
            if not tag or not TAG.match(tag)
        ]
    return problems


def file_problems(paths: Mapping[str, str]) -> list[str]:
    """Return what OSBS says of the files of a repository, read by their names."""
    if "container.yml" in paths and "container.yaml" in paths:
        return ["This repo contains both container.yaml and container.yml"]
    if "container.yml" in paths:
        return ["Repo contains wrong filename: container.yml, expected: container.yaml"]
    if "Dockerfile" not in paths:
        return ["Could not parse Dockerfile"]
    problems = list(label_problems(paths["Dockerfile"]))
    if "container.yaml" in paths:
        problems += container_problems(paths["container.yaml"])
    return problems


def read_labels(dockerfile: str) -> dict[str, str]:
    """Return the labels of the last stage, as OSBS reads them."""
    return dict(_parser(dockerfile).labels)


def label_problems(dockerfile: str) -> Iterator[str]:
    """Yield what OSBS says of a Dockerfile, in its order."""
    labels = read_labels(dockerfile)
    values = {
        names[0]: next((labels[name] for name in names if name in labels), None)
        for names in (NAME, COMPONENT, VERSION, RELEASE)
    }
    for name in ("name", "com.redhat.component", "version"):
        if values[name] is None:
            yield f"required label missing from Dockerfile : {name}"
        elif not values[name] and name != "version":
            yield f"required label doesn't have explicit value in Dockerfile : {name}"
    if values["release"] and not RELEASE_FORMAT.match(values["release"]):
        yield "release label doesn't have proper format"
    version = values["version"] or ""
    if "-" in version:
        yield f"version label '{version}' contains not allowed chars : '['-']'"
    if "/" in version:
        yield "Dockerfile version label can't contain '/' character"
    if "." in (values["name"] or "").split("/", 1)[0]:
        yield "initial image name component must not contain '.'"
    has_bundle = "com.redhat.delivery.operator.bundle" in labels
    if has_bundle and "com.redhat.delivery.appregistry" in labels:
        yield (
            "only one of labels com.redhat.com.delivery.appregistry "
            "and com.redhat.delivery.operator.bundle is allowed"
        )
    parents = _parser(dockerfile).parent_images
    if has_bundle and parents != ["scratch"]:
        yield "Operator bundle build can be only 'FROM scratch' build (single stage)"
    yield from (
        f"the parent {name} has a tag and a digest" for name in map(_parse, parents) if name
    )


def _parse(image: str) -> str:
    """Return an image that osbs-client's `ImageName.parse` tears at the wrong place, else ""."""
    repository, at, _ = image.rsplit("/", 1)[-1].partition("@")
    return image if at and ":" in repository else ""


def _parser(dockerfile: str) -> DockerfileParser:
    return DockerfileParser(fileobj=io.BytesIO(dockerfile.encode()))
