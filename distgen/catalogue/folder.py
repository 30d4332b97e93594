"""Reads the files of a catalogue's folders into memory and lets none lead outside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from distgen.catalogue.bounded import read_bounded
from distgen.catalogue.inputs import LINKABLE
from distgen.catalogue.template_files import by_target, is_leftover, template_file
from distgen.errors import InputError
from distgen.model.catalogue import TemplateFile
from distgen.model.words import Origin
from distgen.schema.yaml import Document, read_yaml
from distgen.text.characters import HIDDEN

# A file of zeros takes no room in a repository, and all memory when it is read. Forges take no
# larger files, and reading more YAML takes longer than a person waits.
_MOST_BYTES, _MOST_YAML = 100 * 2**20, 4 * 2**20
MakeFile = Callable[[str, str, bytes, bool], TemplateFile]
"""Makes a file of a template or image: of its folder, path, content, and whether it runs."""


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A name in a folder of the catalogue; `path` is relative to the catalogue."""

    name: str
    path: str
    is_folder: bool


def read_document(root: Path, path: str) -> Document:
    """Read one YAML file of the catalogue; `path` is relative to `root`."""
    return read_yaml(read_yaml_bytes(root, path), path)


def read_yaml_bytes(root: Path, path: str) -> bytes:
    """Return what a YAML file of the catalogue holds, which may not be YAML after all."""
    # A mistake in the file is quoted in its message, and a link may lead to anything.
    if (root / path).is_symlink():
        refuse_far_link(root, path)
    return _read_content(root / path, path, _MOST_YAML)


def list_folder(root: Path, folder: str) -> tuple[FolderEntry, ...]:
    """Return what a folder of the catalogue holds by name, () when it does not exist.

    Left out are what editors leave behind. Raise InputError for what is neither file nor folder,
    leads outside the catalogue, or has a name git cannot take.
    """
    if folder in LINKABLE and (root / folder).is_symlink():
        raise InputError("is a link", where=Origin(folder), hint="make it a folder")
    try:
        with os.scandir(root / folder) as entries:
            entries_to_read = [entry for entry in entries if not is_leftover(entry.name)]
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Origin(folder)) from None
    in_order = sorted(entries_to_read, key=lambda entry: entry.name)
    return tuple(_check_entry(root, folder, entry) for entry in in_order)


def read_folder(
    root: Path, folder: str, make_file: MakeFile = template_file
) -> tuple[TemplateFile, ...]:
    """Read all files below a folder by path; links within the catalogue are followed.

    Raise InputError also for a file that goes where another one goes.
    """
    real = os.path.realpath(root / folder)
    paths = _walk(root, folder, (real,))
    return by_target(make_file(folder, path, *_read_file(root, path)) for path in paths)


def _check_entry(root: Path, folder: str, entry: os.DirEntry[str]) -> FolderEntry:
    name, path = entry.name, f"{folder}/{entry.name}"
    if not name.isprintable() or HIDDEN.search(name) or "\\" in name:
        raise InputError(
            f"{name!a} is not a file name for a repository",
            where=Origin(folder),
            hint="rename it",
        )
    if not name.isascii() and sys.getfilesystemencoding().lower() != "utf-8":
        raise InputError(
            f"{name!a} cannot be read in the encoding of this locale",
            where=Origin(folder),
            hint="set LC_ALL=C.UTF-8",
        )
    try:
        is_folder, is_file = entry.is_dir(), entry.is_file()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Origin(path)) from None
    if entry.is_symlink():
        refuse_far_link(root, path)
    if not is_folder and not is_file:
        raise InputError("is neither a file nor a folder", where=Origin(path), hint="remove it")
    return FolderEntry(name, path, is_folder)


def _walk(root: Path, folder: str, above: tuple[str, ...]) -> Iterator[str]:
    for entry in list_folder(root, folder):
        if not entry.is_folder:
            yield entry.path
            continue
        # Links within the catalogue are followed, so a folder may contain itself.
        real = os.path.realpath(root / entry.path)
        if entry.name == ".git":
            raise InputError(
                "is a repository of its own", where=Origin(entry.path), hint="remove it"
            )
        if real in above:
            raise InputError("leads to itself", where=Origin(entry.path), hint="remove it")
        yield from _walk(root, entry.path, (*above, real))


def refuse_far_link(root: Path, path: str, linkable: tuple[str, ...] = LINKABLE) -> None:
    """Refuse a link to anything but the catalogue's own templates and overlays, or `linkable`.

    A clone holds more than those: its .git/config may hold a token.
    """
    real_root, target = root.resolve(), (root / path).resolve()
    if not target.is_relative_to(real_root):
        place = "outside the catalogue"
    elif not any(target.is_relative_to(real_root / folder) for folder in linkable):
        place = f"outside {' and '.join(f'{folder}/' for folder in linkable)}"
    elif any(part.lower() == ".git" for part in target.relative_to(real_root).parts):
        place = "into a git repository"
    else:
        return
    hint = "copy what it leads to"
    raise InputError(f"is a link that leads {place}", where=Origin(path), hint=hint)


def _read_file(root: Path, path: str) -> tuple[bytes, bool]:
    content = _read_content(root / path, path, _MOST_BYTES)
    return content, bool((root / path).stat().st_mode & 0o100)


def _read_content(file: Path, path: str, limit: int) -> bytes:
    try:
        return read_bounded(file, path, limit)
    except FileNotFoundError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Origin(path)) from None
