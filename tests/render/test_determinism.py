"""The same catalogue and lock give the same bytes, whatever machine, folder and environment."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import distgen
from distgen.catalogue import load
from distgen.lock.file import read_lock
from distgen.render.manifest import published_files
from distgen.render.renderer import Renderer

GOLDEN = Path(__file__).parents[1] / "golden"
PACKAGE = Path(distgen.__file__).parent.parent


def digest(root: Path, backwards: bool = False) -> str:
    """Return one hash of all trees of the catalogues in `root`."""
    found = hashlib.sha256()
    for behaviour in sorted(root.iterdir()):
        loaded = load.load_catalogue(behaviour / "input")
        renderer = Renderer(loaded, read_lock(behaviour / "input/distgen.lock"))
        images = reversed(loaded.images) if backwards else loaded.images
        trees = {image.key: published_files(renderer.tree(image)) for image in images}
        for key in sorted(trees):
            for file in trees[key]:
                found.update(f"{key} {file.path} {file.mode} {file.sha256}\n".encode())
    return found.hexdigest()


def elsewhere(root: Path, cwd: Path, **environment: str) -> str:
    command = [sys.executable, str(Path(__file__)), str(root)]
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE), **environment}
    return subprocess.run(
        command, cwd=cwd, env=given, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_hash_seed_zone_language_folder_and_environment_change_nothing(tmp_path):
    copy = tmp_path / "a copy"
    shutil.copytree(GOLDEN, copy)
    for path in copy.rglob("*"):
        os.utime(path, (0, 0))
    here = digest(GOLDEN)
    assert here == elsewhere(GOLDEN, PACKAGE, PYTHONHASHSEED="0", TZ="UTC", LANG="C")
    assert here == elsewhere(
        copy,
        tmp_path,
        PYTHONHASHSEED="4711",
        TZ="Pacific/Chatham",
        LANG="tr_TR.UTF-8",
        LC_ALL="C",
        PYTHONUTF8="0",
        HOME=str(tmp_path),
        USER="somebody",
        SOURCE_DATE_EPOCH="1",
        DISTGEN_DEBUG="true",
        debug="false",
        python="2.7",
    )


def test_the_order_of_rendering_changes_nothing():
    assert digest(GOLDEN) == digest(GOLDEN, backwards=True)


def test_rendering_again_in_one_process_changes_nothing():
    source = GOLDEN / "templates-extend-and-share-macros/input"
    loaded = load.load_catalogue(source)
    renderer = Renderer(loaded, read_lock(source / "distgen.lock"))
    once = [renderer.tree(image) for image in loaded.images]
    for image in loaded.images:
        for file in renderer.tree(image).files:
            renderer.line_map(image, file.path)
    assert [renderer.tree(image) for image in loaded.images] == once


if __name__ == "__main__":
    print(digest(Path(sys.argv[1])))
