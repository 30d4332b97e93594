"""The structure tests of the default catalogue: each image has some, and its Dockerfiles agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from distgen.catalogue.graph import base_chain
from distgen.catalogue.load import load_catalogue
from distgen.catalogue.structure_tests import catalogue_of_tests, read_tests
from distgen.dockerfile.filename import DOCKERFILE
from distgen.dockerfile.parse import Dockerfile, key_values, parse
from distgen.lock.file import read_lock
from distgen.model.catalogue import Image
from distgen.render.renderer import Renderer

ROOT = Path(__file__).parents[2]
CATALOGUE = load_catalogue(ROOT)
LOCK = read_lock(ROOT / "distgen.lock")
IMAGES = {image.key: image for image in CATALOGUE.images}


@pytest.fixture(scope="module")
def dockerfiles() -> Mapping[str, Dockerfile]:
    renderer = Renderer(CATALOGUE, LOCK)
    trees = {key: renderer.tree(image) for key, image in IMAGES.items()}
    return {key: parse((tree.content(DOCKERFILE) or b"").decode()) for key, tree in trees.items()}


@pytest.fixture(scope="module")
def tests() -> Mapping[str, dict[str, Any]]:
    catalogue = catalogue_of_tests(CATALOGUE)
    renderer = Renderer(catalogue, LOCK)
    return {image.key: read_tests(renderer.tree(image)) for image in catalogue.images}


def configuration(image: Image, dockerfiles: Mapping[str, Dockerfile]) -> dict[str, Any]:
    """Return what the Dockerfiles of an image and its bases make of its configuration."""
    config: dict[str, Any] = {"user": "", "ports": set(), "volumes": set(), "labels": {}, "env": {}}
    for ancestor in reversed(base_chain(IMAGES, image)):
        for instruction in dockerfiles[ancestor.key].stages[-1].instructions:
            if instruction.cmd == "USER":
                config["user"] = instruction.value[0]
            elif instruction.cmd in ("ENTRYPOINT", "CMD"):
                config[instruction.cmd] = list(instruction.value)
            elif instruction.cmd == "EXPOSE":
                config["ports"] |= {*instruction.value}
            elif instruction.cmd == "VOLUME":
                config["volumes"] |= {*instruction.value}
            elif instruction.cmd in ("LABEL", "ENV"):
                kind = "labels" if instruction.cmd == "LABEL" else "env"
                config[kind] |= dict(key_values(instruction))
    return config


@pytest.mark.parametrize("key", IMAGES)
def test_an_image_is_tested_for_what_its_dockerfiles_say(
    key: str, tests: Mapping[str, dict[str, Any]], dockerfiles: Mapping[str, Dockerfile]
) -> None:
    config, metadata = configuration(IMAGES[key], dockerfiles), tests[key]["metadataTest"]
    assert metadata["user"] == config["user"]
    for name, instruction in (("entrypoint", "ENTRYPOINT"), ("cmd", "CMD")):
        assert metadata.get(name, config.get(instruction)) == config.get(instruction)
    assert {*metadata.get("exposedPorts", config["ports"])} == config["ports"]
    assert {*metadata.get("volumes", config["volumes"])} == config["volumes"]
    for name, kind in (("labels", "labels"), ("envVars", "env")):
        for pair in metadata.get(name, ()):
            assert config[kind][pair["key"]] == pair["value"]
    # What an image says itself is tested.
    own = {instruction.cmd for instruction in dockerfiles[key].stages[-1].instructions}
    wanted = {"ENTRYPOINT": "entrypoint", "CMD": "cmd", "EXPOSE": "exposedPorts"}
    assert {name for cmd, name in wanted.items() if cmd in own} <= {*metadata}
    assert {pair["key"] for pair in metadata["labels"]} >= {
        "name",
        "org.opencontainers.image.title",
    }


@pytest.mark.parametrize("key", IMAGES)
def test_an_image_is_started_for_its_version(key: str, tests: Mapping[str, dict[str, Any]]) -> None:
    (test,) = tests[key]["commandTests"]
    assert test["name"] == "the command says its version"
    patterns = {kind: patterns for kind, patterns in test.items() if kind.startswith("expected")}
    assert len(patterns) == 1
    cmd = tests[key]["metadataTest"].get("cmd", ())
    if cmd and cmd[0].startswith("/usr/local/bin/") and "registry" not in key:
        assert test["command"] == cmd[0]


def test_tests_are_of_no_tree(dockerfiles: Mapping[str, Dockerfile]) -> None:
    renderer = Renderer(CATALOGUE, LOCK)
    for image in CATALOGUE.images:
        assert not [f.path for f in renderer.tree(image).files if f.path.endswith("tests.yaml")]
