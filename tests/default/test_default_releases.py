"""The releases of Zuul and Nodepool as streams of the default catalogue: one coherent set each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from testing.commandline import Run

from distgen.catalogue.load import load_catalogue
from distgen.dockerfile.parse import key_values, parse
from distgen.model.catalogue import Image
from distgen.model.lock import Lock, LockedSource
from distgen.render.renderer import Renderer

pytest_plugins = ["testing.commandline"]
ROOT = Path(__file__).parents[2]
GIT = "https://opendev.org/zuul/"
CHOICE = "newest 2 of {version}, v{version}"
COMMIT = "0123456789" * 4
TAGS = {
    (f"{GIT}zuul", CHOICE): ("11.3.0", "11.2.1"),
    (f"{GIT}nodepool", CHOICE): ("11.0.0", "10.0.0"),
    (f"{GIT}zuul-registry", CHOICE): ("1.3.0",),
    (f"{GIT}zuul-preview", CHOICE): (),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default catalogue, in which Zuul's namespace asks for the newest two releases."""
    root = tmp_path_factory.mktemp("releases")
    for name in ("templates", "overlays"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "distgen.yaml", root)
    path = root / "overlays/zuul/namespace.yaml"
    text = path.read_text()
    path.write_text(text.replace("streams:\n", "streams:\n  from_tags: {count: 2}\n"))
    assert path.read_text() != text
    return root


@pytest.fixture(scope="module")
def images(root: Path) -> dict[str, Image]:
    return {image.key: image for image in load_catalogue(root, tags=TAGS).images}


def test_each_release_is_a_set_of_images_that_are_built_on_each_other(
    images: dict[str, Image],
) -> None:
    services = ("executor", "fingergw", "launcher", "merger", "scheduler", "web")
    for release in ("11.3.0", "11.2.1"):
        assert images[f"zuul/zuul@{release}"].base.image == "opendev/python-base@master"
        for name in services:
            assert images[f"zuul/zuul-{name}@{release}"].base.image == f"zuul/zuul@{release}"
    for name in ("builder", "launcher"):
        assert images[f"zuul/nodepool-{name}@10.0.0"].base.image == "zuul/nodepool@10.0.0"
    assert "zuul/nodepool@11.3.0" not in images
    assert "zuul/zuul-preview@1.3.0" not in images


def test_aliases_are_tags_of_the_newest_release_of_their_series(images: dict[str, Image]) -> None:
    tags = {key.partition("/")[2]: image.stream.tags for key, image in images.items()}
    assert tags["zuul@11.3.0"] == ("11.3.0", "11", "11.3")
    assert tags["zuul-web@11.2.1"] == ("11.2.1", "11.2")
    assert tags["nodepool@11.0.0"] == ("11.0.0", "11", "11.0")
    assert tags["nodepool-builder@10.0.0"] == ("10.0.0", "10", "10.0")
    assert tags["zuul@master"] == ("master", "latest")


def test_labels_say_the_release_and_its_commit(root: Path) -> None:
    catalogue = load_catalogue(root, tags=TAGS)
    (image,) = (image for image in catalogue.images if image.key == "zuul/zuul@11.3.0")
    entry = LockedSource(COMMIT, "2026-01-02T03:04:05Z", "11.3.0")
    lock = Lock(sources={(f"{GIT}zuul", "refs/tags/11.3.0"): entry}, tags=TAGS)
    (dockerfile,) = (
        file for file in Renderer(catalogue, lock).tree(image).files if file.path == "Dockerfile"
    )
    instructions = parse(dockerfile.content.decode()).instructions
    labels = dict(
        pair
        for instruction in instructions
        if instruction.cmd == "LABEL"
        for pair in key_values(instruction)
    )
    assert labels["version"] == labels["org.opencontainers.image.version"] == "11.3.0"
    assert labels["org.opencontainers.image.revision"] == COMMIT


def test_a_catalogue_with_releases_says_what_to_do_before_its_first_lock(
    distgen: Run, root: Path
) -> None:
    ran = distgen(root, "list")
    assert ran.code == 2
    assert "look them up with `distgen lock`" in ran.err
