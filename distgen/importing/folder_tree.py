"""Read the files of a folder that is no repository; no link is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from distgen.catalogue.bounded import read_bounded
from distgen.errors import DistgenError, InputError
from distgen.git.objects import SUBMODULE_MODE
from distgen.importing.drafts import MOST_BYTES
from distgen.model.rendered import File
from distgen.model.words import EXECUTABLE, REGULAR, SYMLINK

_MOST_FILES = 100_000
_MOST_TOTAL = 512 * 2**20


def read_files(folder: Path) -> tuple[File, ...]:
    """Return the files below a folder, by path; a repository in it counts as a submodule."""
    files: list[File] = []
    total = 0
    try:
        for path, place in _walk(folder):
            file = _read_file(path, place)
            total += len(file.content)
            if len(files) >= _MOST_FILES or total > _MOST_TOTAL:
                limits = f"{_MOST_FILES} files or {_MOST_TOTAL // 2**20} MiB"
                raise DistgenError(f"holds more than {limits}", where=folder)
            files.append(file)
    except OSError as error:
        name = os.path.relpath(error.filename or folder, folder)
        raise DistgenError(f"{name!a} cannot be read: {error.strerror}", where=folder) from None
    return tuple(sorted(files, key=lambda file: file.path))


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    folders = [("", folder)]
    while folders:
        prefix, place = folders.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                path = f"{prefix}{entry.name}"
                if not entry.is_dir(follow_symlinks=False):
                    yield path, Path(entry.path)
                elif os.path.lexists(Path(entry.path) / ".git"):
                    yield path, Path(entry.path) / ".git"
                else:
                    folders.append((f"{path}/", Path(entry.path)))


def _read_file(path: str, place: Path) -> File:
    status = place.lstat()
    if place.name == ".git":
        return File(path, b"", SUBMODULE_MODE)
    if stat.S_ISLNK(status.st_mode):
        # Path.readlink() would tidy up what it leads to.
        return File(path, os.fsencode(os.readlink(place)), SYMLINK)  # noqa: PTH115
    try:
        content = read_bounded(place, str(place), MOST_BYTES)
    except InputError as error:
        raise DistgenError(f"{path!a} {error.problem}") from None
    return File(path, content, EXECUTABLE if status.st_mode & 0o100 else REGULAR)
