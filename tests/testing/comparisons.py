"""Catalogues before and after a change, compared as `distgen diff` does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from distgen.catalogue.load import load_catalogue
from distgen.catalogue.sources.source import SourceContext, source_reader
from distgen.cli.commands.init import PARTS
from distgen.compare.diff import compare_changes, with_rebuilt
from distgen.compare.image_change import change_of_files
from distgen.compare.planned import OWN_FILES
from distgen.compare.records import GroupedDiff, Trees
from distgen.compare.words import words_by_image
from distgen.lock.file import read_lock
from distgen.model.catalogue import Image
from distgen.render.manifest import published_files
from distgen.render.renderer import Renderer

CHECKOUT = Path(__file__).parents[2]
Change = Callable[[Path], object]
Rendered = tuple[tuple[Image, ...], Trees]


def default_catalogue(root: Path) -> Path:
    """Copy the default catalogue."""
    for part in PARTS:
        source = CHECKOUT / part
        if source.is_dir():
            shutil.copytree(source, root / part)
        else:
            shutil.copy(source, root / part)
    return root


def compare_change(
    root: Path, change: Change, cache: Path | None = None, before: Rendered | None = None
) -> GroupedDiff:
    """Return what a change of the catalogue's files does to all images.

    `before` is what the catalogue is without it, where that is known.
    """
    old_images, old = before or render_all(root, cache)
    change(root)
    new_images, new = render_all(root, cache)
    words = words_by_image(new_images, old_images)
    diff = compare_trees(old, new, words, OWN_FILES, len(new_images))
    return with_rebuilt(diff, new_images)


def compare_trees(old, new, words_of, hidden, compared) -> GroupedDiff:
    """Return what changes between the files of images, whose mappings may leave out equal ones."""
    keys = (*new, *(key for key in old if key not in new))
    changes = [change_of_files(key, old.get(key), new.get(key), hidden) for key in keys]
    return compare_changes(changes, words_of, hidden, compared)


def render_all(root: Path, cache: Path | None = None) -> Rendered:
    """Return the images of a catalogue and their files as they are published."""
    catalogue = load_catalogue(root, read_source=source_reader(SourceContext({}, cache)))
    renderer = Renderer(catalogue, read_lock(root / "distgen.lock"))
    return catalogue.images, {
        image.key: {file.path: file for file in published_files(renderer.tree(image))}
        for image in catalogue.images
    }


def replace_in(path: str, old: str, new: str) -> Change:
    """Return a change of one file."""

    def change(root: Path) -> None:
        text = (root / path).read_text()
        assert old in text
        (root / path).write_text(text.replace(old, new))

    return change
