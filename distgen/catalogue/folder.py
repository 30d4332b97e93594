"""Reads the files of a catalogue's folders into memory and lets none lead outside it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from distgen.errors import InputError
from distgen.model.catalogue import TemplateFile
from distgen.model.words import ATTRIBUTES, MANIFEST, Origin
from distgen.schema.yaml import Document, read_yaml

_LEFTOVER = re.compile(r".*~|\..*\.sw[op]|\.DS_Store|__pycache__|.*\.py[co]", re.DOTALL)
_OWN = {MANIFEST, ATTRIBUTES}


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A name in a folder of the catalogue; `path` is relative to the catalogue."""

    name: str
    path: str
    is_folder: bool


def is_leftover(name: str) -> bool:
    """Tell whether a file is what editors leave behind, which is not read."""
    return _LEFTOVER.fullmatch(name) is not None


def read_document(root: Path, path: str) -> Document:
    """Read one YAML file of the catalogue; `path` is relative to `root`."""
    if (root / path).is_symlink():
        _refuse_outside(root, path)
    return read_yaml(_content(root / path, path), path)


def list_folder(root: Path, folder: str) -> tuple[FolderEntry, ...]:
    """Return what a folder of the catalogue holds by name, () when it does not exist.

    Left out are what editors leave behind. Raise InputError for what is neither file nor folder,
    leads outside the catalogue, or has a name git cannot take.
    """
    try:
        with os.scandir(root / folder) as found:
            kept = [entry for entry in found if not is_leftover(entry.name)]
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Origin(folder)) from None
    return tuple(_entry(root, folder, one) for one in sorted(kept, key=lambda one: one.name))


def read_folder(root: Path, folder: str) -> tuple[TemplateFile, ...]:
    """Read all files below a folder by path; links within the catalogue are read as what they mean.

    Raise InputError also for a file that goes where another one goes.
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


def _entry(root: Path, folder: str, found: os.DirEntry[str]) -> FolderEntry:
    name, path = found.name, f"{folder}/{found.name}"
    if not name.isprintable() or "\\" in name:
        raise InputError(
            f"{name!a} is no file name for a repository",
            where=Origin(folder),
            hint="rename it",
        )
    try:
        is_folder, is_file = found.is_dir(), found.is_file()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Origin(path)) from None
    if found.is_symlink():
        _refuse_outside(root, path)
    if not is_folder and not is_file:
        raise InputError("is neither a file nor a folder", where=Origin(path), hint="remove it")
    return FolderEntry(name, path, is_folder)


def _walk(root: Path, folder: str, above: tuple[str, ...]) -> Iterator[str]:
    for entry in list_folder(root, folder):
        if not entry.is_folder:
            yield entry.path
            continue
        real = os.path.realpath(root / entry.path)
        if real in above or entry.name == ".git":
            what = "is a repository of its own" if entry.name == ".git" else "leads to itself"
            raise InputError(what, where=Origin(entry.path), hint="remove it")
        yield from _walk(root, entry.path, (*above, real))


def _refuse_outside(root: Path, path: str) -> None:
    if not (root / path).resolve().is_relative_to(root.resolve()):
        raise InputError(
            "is a link that leads outside the catalogue",
            where=Origin(path),
            hint="copy what it leads to",
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
        if not file.is_file():  # a pipe would wait for somebody to write
            raise InputError("is no file", where=Origin(path))
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Origin(path)) from None


def read_bounded(file: Path, path: str, limit: int) -> bytes:
    """Read a file of at most `limit` bytes; `path` is its name in messages.

    Raise FileNotFoundError for one that is not there, and InputError for a folder, for a pipe or
    device, which might wait or write for ever, and for what is larger.
    """
    try:
        # A pipe without a writer keeps an ordinary `open` waiting, before anybody can look at it.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InputError("is not a file", where=Origin(path))
            with open(descriptor, "rb", closefd=False) as stream:
                content = stream.read(limit + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Origin(path)) from None
    if len(content) > limit:
        raise InputError(f"is larger than {limit // 2**20} MiB", where=Origin(path))
    return content
