"""Whole catalogues and the trees they render to; run as a script, it writes the expected trees."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from distgen.catalogue import load
from distgen.lock.file import read_lock
from distgen.model.words import EXECUTABLE
from distgen.render.manifest import published_files
from distgen.render.renderer import Renderer

GOLDEN = Path(__file__).parents[1] / "golden"
BEHAVIOURS = sorted(path.name for path in GOLDEN.iterdir())


def rendered(source: Path) -> dict[str, tuple[bytes, bool]]:
    loaded = load.load_catalogue(source)
    renderer = Renderer(loaded, read_lock(source / "distgen.lock"))
    return {
        f"{image.full_name}/{image.stream.name}/{file.path}": (
            file.content,
            file.mode == EXECUTABLE,
        )
        for image in loaded.images
        for file in published_files(renderer.tree(image))
    }


def stored(folder: Path) -> dict[str, tuple[bytes, bool]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), os.access(path, os.X_OK))
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_catalogue_renders_to_the_expected_trees(behaviour):
    expected = stored(GOLDEN / behaviour / "expected")
    assert expected
    assert rendered(GOLDEN / behaviour / "input") == expected


if __name__ == "__main__":
    for name in BEHAVIOURS:
        shutil.rmtree(GOLDEN / name / "expected", ignore_errors=True)
        for path, (content, runs) in rendered(GOLDEN / name / "input").items():
            target = GOLDEN / name / "expected" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.chmod(0o755 if runs else 0o644)
