"""The image of distgen itself: it is of this release, and what it starts is in it."""

from __future__ import annotations

import json
from pathlib import Path

from distgen import DISTRIBUTION, __version__
from distgen.catalogue.load import load_catalogue
from distgen.lock.file import read_lock
from distgen.render.renderer import Renderer

ROOT = Path(__file__).parents[2]


def test_the_image_is_of_this_release_under_tags_that_say_so() -> None:
    catalogue = load_catalogue(ROOT)
    (image,) = (image for image in catalogue.images if image.namespace == "distgen")
    line = __version__.rpartition(".")[0]
    assert image.stream.name == image.stream.branch == line
    assert image.stream.tags == (__version__, line, "latest")
    content = Renderer(catalogue, read_lock(ROOT / "distgen.lock")).tree(image).content
    dockerfile = (content("Dockerfile") or b"").decode()
    assert f"        {DISTRIBUTION}=={__version__} \\\n" in dockerfile


def test_commands_start_in_the_catalogue_and_the_image_says_how_to_see_that_it_is_well() -> None:
    catalogue = load_catalogue(ROOT)
    (image,) = (image for image in catalogue.images if image.namespace == "distgen")
    tree = Renderer(catalogue, read_lock(ROOT / "distgen.lock")).tree(image)
    lines = (tree.content("Dockerfile") or b"").decode().splitlines()
    assert lines[-5:] == [
        "USER 10001",
        "WORKDIR /catalogue",
        "HEALTHCHECK CMD " + json.dumps(["distgen", "--version"]),
        'ENTRYPOINT ["/usr/bin/tini", "--", "distgen"]',
        'CMD ["--help"]',
    ]
    assert b"buildah bud --format docker" in (tree.content("README.rst") or b"")
