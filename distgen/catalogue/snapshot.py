"""Read all files of a catalogue as they stand, and name them by one digest."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from hashlib import sha256
from operator import attrgetter
from pathlib import Path
from typing import Any

from distgen.catalogue.inputs import LINKABLE
from distgen.catalogue.template_files import is_leftover

_FILES = ("distgen.yaml", "distgen.lock")
_LARGEST_FILE = 100 * 2**20
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a catalogue is read from, at one moment.

    `digest` stands for the names, contents, executable bits and links of all its files. `stamp`
    differs between two snapshots when a file was written between them, even the same again.
    `contents` are those of files that go into images, by their digests.
    """

    digest: str
    stamp: str
    contents: dict[str, bytes] = field(repr=False)


class _UnreadableFile(Exception):
    """The catalogue holds what only the reader of catalogues can judge."""


def take_snapshot(root: Path) -> Snapshot | None:
    """Return the snapshot of the catalogue in `root`, None where something cannot be read."""
    walk = _Walk(os.path.realpath(root))
    try:
        for name in _FILES:
            walk.add_file(str(root / name), name)
        for folder in LINKABLE:
            if (root / folder).is_symlink():
                return None
            walk.add_folder(str(root / folder), folder, (os.path.realpath(root / folder),))
    except (_UnreadableFile, OSError, ValueError):
        return None
    return Snapshot(walk.facts.hexdigest(), walk.stamps.hexdigest(), walk.contents)


class _Walk:
    """Goes through the files as the reader of catalogues does, in the order of their names."""

    def __init__(self, real_root: str) -> None:
        self.facts, self.stamps = sha256(), sha256()
        self.contents: dict[str, bytes] = {}
        self._real_root = real_root

    def add_folder(self, place: str, path: str, above: tuple[str, ...]) -> None:
        try:
            with os.scandir(place) as entries:
                in_order = sorted(entries, key=attrgetter("name"))
        except FileNotFoundError:
            return
        self._note("folder", path)
        for entry in in_order:
            if is_leftover(entry.name):
                continue
            inner, real = f"{path}/{entry.name}", ""
            if entry.is_symlink():
                real = self._note_link(entry.path, inner)
            if not entry.is_dir():
                self.add_file(entry.path, inner)
                continue
            real = real or f"{above[-1]}/{entry.name}"
            if real in above:
                raise _UnreadableFile
            self.add_folder(entry.path, inner, (*above, real))

    def add_file(self, place: str, path: str) -> None:
        try:
            descriptor = os.open(place, _READ)
        except FileNotFoundError:
            if path in _FILES and not os.path.lexists(place):
                return
            raise _UnreadableFile from None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_FILE:
                raise _UnreadableFile
            content = _read(descriptor, status.st_size)
        finally:
            os.close(descriptor)
        if path in _FILES and Path(place).is_symlink():
            self._note_link(place, path)
        digest = sha256(content).hexdigest()
        self._note("file", path, status.st_mode & 0o100, digest)
        self.stamps.update(f"{status.st_ino} {status.st_ctime_ns}\n".encode("ascii"))
        if path.startswith("templates/") or path.count("/") > 2:  # not the YAML of an image
            self.contents[digest] = content

    def _note(self, *words: Any) -> None:
        self.facts.update("\0".join(map(str, words)).encode("utf-8", "surrogateescape") + b"\n\0")

    def _note_link(self, place: str, path: str) -> str:
        real = os.path.realpath(place)
        if not real.startswith(f"{self._real_root}/"):
            raise _UnreadableFile
        self._note("link", path, real[len(self._real_root) :])
        return real


def _read(descriptor: int, size: int) -> bytes:
    content = os.read(descriptor, size + 1)
    while len(content) < size and (more := os.read(descriptor, size + 1 - len(content))):
        content += more
    if len(content) != size:
        raise _UnreadableFile  # it is being written
    return content
