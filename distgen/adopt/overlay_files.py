"""Turn patches and files into files of an overlay, and images into what they are with these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from distgen.adopt.mbox import file_name, format_patch
from distgen.adopt.records import PATCHES, AdoptionPlan, PackagerCommit
from distgen.model.catalogue import Image, TemplateFile
from distgen.model.rendered import File
from distgen.model.words import EXECUTABLE


def overlay_files(image: Image, plan: AdoptionPlan, is_shared: bool) -> Iterator[TemplateFile]:
    """Yield the files that a plan adds to an overlay; `is_shared`: its patches are for all streams.

    Patches get the numbers after those that are there.
    """
    folder = PATCHES if is_shared else f"{PATCHES}/{image.stream.name}"
    names = [
        file.path.removeprefix(f"{folder}/")
        for file in image.patches
        if file.path.rpartition("/")[0] == folder
    ]
    overlay = f"overlays/{image.full_name}"
    for patch_file in _patch_files(plan.patches, folder, names):
        yield replace(patch_file, source=f"{overlay}/{patch_file.path}")
    for file in plan.files:
        yield _copied_file(overlay, file)


def patch_file(path: str, commit: PackagerCommit) -> TemplateFile:
    """Return a commit as a patch at a path of an overlay."""
    content = format_patch(commit.header, commit.changes)
    return TemplateFile(path, path, content, False, False)


def with_overlay_files(image: Image, files: Iterable[TemplateFile]) -> Image:
    """Return the image as it is read with more files in its overlay, or in one that it extends."""
    new = tuple(files)
    patches = [file for file in new if file.path.startswith(f"{PATCHES}/")]
    copied_files = [file for file in new if not file.path.startswith(f"{PATCHES}/")]
    return _with_files(_with_patches(image, patches), copied_files)


def has_overlay_file(image: Image, path: str) -> bool:
    """Say whether the overlay of an image has a file for a path, inherited ones not counted."""
    overlay = f"overlays/{image.full_name}/"
    return any(file.path == path and file.source.startswith(overlay) for file in image.files)


def _patch_files(
    commits: Iterable[PackagerCommit], folder: str, names: Iterable[str]
) -> Iterator[TemplateFile]:
    numbers = [int(name[:4]) for name in names if re.match(r"[0-9]{4}", name)]
    for number, commit in enumerate(commits, max(numbers, default=0) + 1):
        yield patch_file(f"{folder}/{file_name(number, commit.header)}", commit)


def _copied_file(overlay: str, file: File) -> TemplateFile:
    # Without the suffix the file would be rendered, or lose its own suffix.
    suffix = ".raw" if file.path.endswith((".j2", ".raw")) else ""
    source = f"{overlay}/{file.path}{suffix}"
    return TemplateFile(file.path, source, file.content, False, file.mode == EXECUTABLE)


def _with_patches(image: Image, new: Iterable[TemplateFile]) -> Image:
    stream_folder = f"{PATCHES}/{image.stream.name}/"
    by_path = {file.path: file for file in (*new, *image.patches)}
    paths = sorted(by_path, key=lambda path: (path.count("/") > 1, path))
    applied = [path for path in paths if path.count("/") == 1 or path.startswith(stream_folder)]
    return replace(image, patches=tuple(by_path[path] for path in applied))


def _with_files(image: Image, new: Iterable[TemplateFile]) -> Image:
    by_path = {file.path: file for file in image.files}
    by_path |= {file.path: file for file in new if not has_overlay_file(image, file.path)}
    return replace(image, files=tuple(by_path[path] for path in sorted(by_path)))
