"""Reads the files of a catalogue's folders into memory and lets none lead outside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from distgen.errors import InputError
from distgen.model import ATTRIBUTES, MANIFEST, Origin, TemplateFile
from distgen.yamltext import Document, read_yaml

_LEFTOVERS = ("*~", ".*.swp", ".*.swo", ".DS_Store")
_OWN = {MANIFEST, ATTRIBUTES}


def read_document(root: Path, path: str) -> Document:
    """Read one YAML file of the catalogue; `path` is relative to `root`."""
    file = root / path
    if file.is_symlink():
        refuse_outside(root, path)
    return read_yaml(_content(file, path), path)


def entries(root: Path, folder: str) -> tuple[os.DirEntry[str], ...]:
    """Return what a folder of the catalogue holds by name, () when it does not exist."""
    try:
        with os.scandir(root / folder) as found:
            return tuple(sorted(found, key=lambda entry: entry.name))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Origin(folder)) from None


def read_folder(root: Path, folder: str) -> tuple[TemplateFile, ...]:
    """Read all files below a folder by path; links within the catalogue are read as what they mean.

    Left out are what editors leave behind. Raise InputError for a file that is no file, leads
    outside, has a name git cannot take, or goes where another one goes.
    """
    real = os.path.realpath(root / folder)
    files = [_read(root, path, folder) for path in _walk(root, folder, (real,))]
    taken: dict[str, str] = {}
    for file in files:
        other = taken.setdefault(file.path, file.source)
        if other != file.source:
            raise InputError(
                f"goes to `{file.path}`, as does {other}",
                where=Origin(file.source),
                hint="rename or remove one",
            )
    return tuple(sorted(files, key=lambda file: file.path))


def _walk(root: Path, folder: str, above: tuple[str, ...]) -> Iterator[str]:
    for entry in entries(root, folder):
        path = f"{folder}/{entry.name}"
        if any(fnmatch(entry.name, pattern) for pattern in _LEFTOVERS):
            continue
        if not entry.name.isprintable() or "\\" in entry.name or entry.name == ".git":
            raise InputError(
                f"`{ascii(entry.name)[1:-1]}` is no file name for a dist-git repository",
                where=Origin(folder),
                hint="rename it",
            )
        if entry.is_symlink():
            refuse_outside(root, path)
        if entry.is_dir():
            real = os.path.realpath(root / path)
            if real in above:
                raise InputError("is a link to a folder it stands in", where=Origin(path))
            yield from _walk(root, path, (*above, real))
        elif entry.is_file():
            yield path
        else:
            raise InputError("is neither a file nor a folder", where=Origin(path))


def refuse_outside(root: Path, path: str) -> None:
    """Raise InputError when `path`, through whatever links, is not below `root`."""
    inside = os.path.realpath(root)
    if not os.path.realpath(root / path).startswith(inside + os.sep):
        raise InputError(
            "is a link that leads outside the catalogue",
            where=Origin(path),
            hint="copy the file instead",
        )


def _read(root: Path, path: str, folder: str) -> TemplateFile:
    content = _content(root / path, path)
    target = path.removeprefix(f"{folder}/")
    rendered = target.endswith(".j2")
    if rendered:
        _refuse_binary(content, path)
    target = target.removesuffix(".j2") if rendered else target.removesuffix(".raw")
    if target in _OWN:
        raise InputError(f"distgen writes `{target}` itself", where=Origin(path), hint="remove it")
    executable = bool((root / path).stat().st_mode & 0o100)
    return TemplateFile(target, path, content, rendered, executable)


def _refuse_binary(content: bytes, path: str) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            "is not UTF-8 text, as a file that is rendered must be",
            where=Origin(path, line),
            hint="drop the suffix .j2 to have it copied as it is",
        ) from None


def _content(file: Path, path: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Origin(path)) from None
