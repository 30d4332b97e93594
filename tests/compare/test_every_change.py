"""Changes of one file of the default catalogue: what they change has a reason, and a true one.

A change of a line is a word more at its end, the line twice, no line, and the line after the next.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from distgen.catalogue.load import load_catalogue
from distgen.catalogue.mirrors import apply_mirrors
from distgen.compare.affected import list_affected
from distgen.compare.comparison import Comparison, Revision, select_keys
from distgen.errors import InputError
from distgen.lint.work import Work, plan_work
from distgen.lock.file import read_lock
from distgen.model.catalogue import Image
from distgen.model.rendered import Tree
from distgen.render.renderer import Renderer

ROOT = Path(__file__).parents[2]
PARTS = ("distgen.yaml", "distgen.lock", "templates", "overlays")
FILES = sorted(
    str(path.relative_to(ROOT))
    for part in PARTS
    for path in [ROOT / part, *(ROOT / part).rglob("*")]
    if path.is_file()
)
PLACE = re.compile(r"(:\d+)?( \S+)?$")
LINE_CHANGES: dict[str, Callable[[list[str], int], list[str]]] = {
    "word": lambda lines, at: [*lines[:at], f"{lines[at]}x", *lines[at + 1 :]],
    "twice": lambda lines, at: [*lines[: at + 1], *lines[at:]],
    "none": lambda lines, at: [*lines[:at], *lines[at + 1 :]],
    "later": lambda lines, at: [*lines[:at], *lines[at + 1 : at + 2], lines[at], *lines[at + 2 :]],
}


class KeptRenderer(Renderer):
    """Renders each image once: the state of before is compared with many others."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.kept: dict[str, tuple[Tree, tuple[str, ...]]] = {}

    def tree(self, image: Image) -> Tree:
        if image.key not in self.kept:
            tree = super().tree(image)
            self.kept[image.key] = tree, super().input_files(image)
        return self.kept[image.key][0]

    def input_files(self, image: Image) -> tuple[str, ...]:
        self.tree(image)
        return self.kept[image.key][1]


def read(root: Path) -> Work:
    catalogue, lock = apply_mirrors(load_catalogue(root), read_lock(root / "distgen.lock"))
    return plan_work(catalogue, lock, catalogue.images)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part)
        else:
            shutil.copy(ROOT / part, folder / part)
    return folder


@pytest.fixture(scope="module")
def before(root: Path) -> Work:
    work = read(root)
    return Work(work.catalogue, work.lock, work.images, KeptRenderer(work.catalogue, work.lock))


def changes(path: str, chance: random.Random, count: int) -> Iterator[tuple[str, int]]:
    """Yield kinds of changes of a file, and the line of each; only some lines are changed."""
    yield from (("gone", 0), ("mode", 0))
    lines = (ROOT / path).read_text(encoding="utf-8").split("\n")
    places = [(kind, at) for at in range(len(lines) - 1) for kind in LINE_CHANGES]
    yield from chance.sample(places, min(count, len(places)))


def change_file(file: Path, kind: str, at: int) -> None:
    if kind == "gone":
        file.unlink()
    elif kind == "mode":
        file.chmod(file.stat().st_mode ^ 0o111)
    else:
        lines = file.read_text(encoding="utf-8").split("\n")
        file.write_text("\n".join(LINE_CHANGES[kind](lines, at)), encoding="utf-8")


def unexplained(before: Work, root: Path, path: str) -> list[str]:
    """Return the images that changed for no reason, or for one that is not this file."""
    now = read(root)
    comparison = Comparison(Revision("before"), before, now)
    wrong = []
    for image in list_affected(comparison, select_keys(comparison, ())):
        own = [text for text in image.reasons if not text.startswith("parent:")]
        if image.change == "changed" and not own:
            wrong.append(f"{image.key} has no reason")
        wrong += [
            f"{image.key}: {text}"
            for text in own
            if PLACE.sub("", text).partition(":")[2] != path
            and text not in ("added", "removed", "exports")
            and not (path == "distgen.lock" and text.startswith("lock:"))
        ]
    return wrong


def test_each_image_that_a_change_of_one_file_changes_has_that_file_as_a_reason(
    root: Path, before: Work, sample, pytestconfig: pytest.Config
) -> None:
    chance = random.Random(pytestconfig.option.seed)
    cases = [(path, *change) for path in FILES for change in changes(path, chance, 4)]
    wrong = []
    rendered = 0
    for path, kind, at in sample(cases, 16):
        file = root / path
        original, mode = file.read_bytes(), file.stat().st_mode
        try:
            change_file(file, kind, at)
            with suppress(InputError):  # most catalogues that chance makes are refused
                wrong += [
                    f"{path}:{at + 1} {kind}: {text}" for text in unexplained(before, root, path)
                ]
                rendered += 1
        finally:
            file.write_bytes(original)
            file.chmod(mode)
    assert wrong == []
    assert rendered
