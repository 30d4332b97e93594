"""The monasca namespace on Debian: one line chooses, and Alpine is not spoken of any more."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from testing.monasca import (
    COMPONENTS,
    ROOT,
    STREAMS,
    dockerfile_of,
    make_catalogue,
    text_of,
    trees,
    words_of,
)

from distgen.catalogue.load import load_catalogue
from distgen.lint import external
from distgen.lint.check import lint
from distgen.lint.work import plan_work
from distgen.model.catalogue import Catalogue
from distgen.model.lock import Lock
from distgen.model.rendered import Tree
from distgen.render.renderer import Renderer

ON_ALPINE = re.compile(r"\bapk\b|\bash\b|alpine|/sbin/tini", re.IGNORECASE)
TINI_OF_DEBIAN = "/usr/bin/tini"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The namespace with one line more."""
    folder = tmp_path_factory.mktemp("debian")
    overlay = copy_namespace(folder) / "namespace.yaml"
    overlay.write_text(overlay.read_text() + "values: {distribution: debian}\n")
    return load_catalogue(folder)


@pytest.fixture(scope="module")
def on_debian(catalogue: Catalogue) -> Mapping[str, Tree]:
    renderer = Renderer(catalogue, Lock())
    images = catalogue.images
    return {image.key.removeprefix("monasca/"): renderer.tree(image) for image in images}


@cache
def by_default() -> Mapping[str, Tree]:
    return trees()


def test_one_line_moves_the_base_of_all_streams(on_debian: Mapping[str, Tree]) -> None:
    for stream in STREAMS:
        (base,) = on_debian[f"base@{stream}"].bases
        assert base == "docker.io/library/python:3.10-slim-bookworm"


def test_all_images_but_the_one_inside_storm_differ(on_debian: Mapping[str, Tree]) -> None:
    differing = {key for key, tree in on_debian.items() if tree.files != by_default()[key].files}
    assert differing == {key for key in by_default() if not key.startswith("thresh@")}


def test_nothing_of_alpine_is_left(on_debian: Mapping[str, Tree]) -> None:
    for key, tree in on_debian.items():
        for file in tree.files:
            text = file.content.decode().replace(TINI_OF_DEBIAN, "")
            assert not ON_ALPINE.search(text), (key, file.path)


def instructions(tree: Tree) -> list[str]:
    return [instruction.cmd for instruction in dockerfile_of(tree).instructions]


def test_only_packages_and_paths_of_the_system_differ(on_debian: Mapping[str, Tree]) -> None:
    """The same instructions in the same order, with the same environment and start script."""
    for key, tree in on_debian.items():
        default = by_default()[key]
        assert {file.path for file in tree.files} == {file.path for file in default.files}
        same = instructions(default)
        if key.startswith("base@"):
            same.remove("RUN")  # of librdkafka, which comes with wheels
        assert instructions(tree) == same, key
        if not key.startswith("base@"):
            texts = {file.path: file.content for file in tree.files if file.path != "Dockerfile"}
            assert texts.items() <= {file.path: file.content for file in default.files}.items(), key
            assert words_of(tree, "ENV") == words_of(default, "ENV"), key
    environment = words_of(on_debian["base@master"], "ENV")
    assert {"ENV": "/root/.ashrc", **environment} == words_of(by_default()["base@master"], "ENV")


@pytest.mark.parametrize("name", COMPONENTS)
def test_what_a_build_borrows_leaves_with_its_layer(
    on_debian: Mapping[str, Tree], name: str
) -> None:
    text = text_of(on_debian[f"{name}@master"], "Dockerfile").replace(" \\\n", " ")
    (step,) = [line for line in text.splitlines() if line.startswith("RUN ") and "pip" in line]
    step = " ".join(step.split())
    borrowed = re.search(r"--no-install-recommends ([a-z0-9+ .-]+?) &&", step)
    assert borrowed
    assert borrowed[1].split() == ["git"]
    assert step.startswith('RUN kept="$(apt-mark showmanual)" ')
    assert step.endswith("apt-get purge -y --auto-remove && rm -rf /var/lib/apt/lists/*")


def copy_namespace(folder: Path, settings: str = "") -> Path:
    """Copy the namespace into a catalogue of its own, and return its folder of overlays."""
    shutil.copytree(ROOT / "templates", folder / "templates")
    shutil.copytree(ROOT / "overlays/monasca", folder / "overlays/monasca")
    (folder / "distgen.yaml").write_text(f"version: 1\n{settings}")
    return folder / "overlays/monasca"


def test_an_overlay_adds_packages_of_one_distribution(tmp_path: Path) -> None:
    overlay = copy_namespace(tmp_path) / "base.yaml"
    values = "values: {distribution: debian, run_packages: {debian+: [procps], alpine+: [nano]}}\n"
    overlay.write_text(overlay.read_text() + values)
    catalogue = load_catalogue(tmp_path)
    image = next(image for image in catalogue.images if image.key == "monasca/base@master")
    text = text_of(Renderer(catalogue, Lock()).tree(image), "Dockerfile")
    assert "        procps \\\n" in text
    assert "nano" not in text


def test_nothing_is_found_but_what_only_a_lock_can_know(catalogue: Catalogue) -> None:
    images = tuple(image for image in catalogue.images if image.stream.name == "master")
    findings = lint(plan_work(catalogue, Lock(), images), external.lint)
    assert {finding.code for finding in findings} <= {"DG101"}


def test_another_release_of_debian_is_one_value_more(tmp_path: Path) -> None:
    settings = "values: {distribution: debian, debian_release: trixie, python: '3.12'}\n"
    copy_namespace(tmp_path, settings)
    bases = {
        image.parents[0].reference
        for image in load_catalogue(tmp_path).images
        if image.name == "base"
    }
    assert bases == {"docker.io/library/python:3.12-slim-trixie"}


def test_the_default_is_alpine() -> None:
    for image in make_catalogue().images:
        if image.namespace == "monasca" and image.name != "thresh":
            assert image.values["distribution"] == "alpine"


def test_the_agent_brings_a_module_that_its_own_folder_hides(on_debian: Mapping[str, Tree]) -> None:
    """pbr 7.1 takes the folder `packaging` of its repository for the module of that name."""
    options = "--no-cache-dir --no-compile --constraint /tmp/upper-constraints.txt"
    first = f"&& pip install {options} packaging && pip install {options} PyMySQL"
    for name in COMPONENTS:
        text = text_of(on_debian[f"{name}@master"], "Dockerfile").replace("\\\n", "")
        is_agent = name in ("agent-collector", "agent-forwarder", "statsd")
        assert (first in " ".join(text.split())) == is_agent, name
