"""Records of rendered trees, and of the findings of checks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Literal

from distgen.model.words import REGULAR, Folding, Level, Origin


@dataclass(frozen=True, slots=True)
class File:
    """One file of a tree; `mode` is git's (0o100644, 0o100755, 0o120000)."""

    path: str
    content: bytes = field(repr=False)
    mode: int = REGULAR

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Tree:
    """The rendered files of one image in one stream, sorted by path, and the facts they are from.

    `bases` maps the public reference of each parent to its digest (None: unpinned); `sources` maps
    each source's name to its git, ref and commit, and to its version where that is known.
    """

    image: str
    stream: str
    files: tuple[File, ...]
    bases: Mapping[str, str | None] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    folding: Folding = field(default="own", compare=False)
    """How `.gitattributes` marks the files; trees that differ in that only are the same."""
    exported: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    """Files for downstreams, by path: a packager's own there, or at these other names, stays."""

    @property
    def key(self) -> str:
        return intern(f"{self.image}@{self.stream}")

    def content(self, path: str) -> bytes | None:
        """Return the bytes of the file at this path, None without one."""
        return next((file.content for file in self.files if file.path == path), None)


@dataclass(frozen=True, slots=True)
class PrintedValue:
    """What an expression of a template printed, and where: its offset in the text, and its line."""

    text: str
    start: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class PrintedText:
    """A file as its template prints it, without a header or patches."""

    text: str = field(default="", repr=False)
    values: tuple[PrintedValue, ...] = ()


LineKind = Literal["template", "copied", "patch", "setting", "header", "blank", "unknown"]


@dataclass(frozen=True, slots=True)
class LineAnnotation:
    """What a line of a rendered file is, where it was written, and what expressions printed on it.

    `setting` is a line that a setting of the catalogue asked for, `unknown` one of a template that
    measures or compares its own text.
    """

    kind: LineKind
    origin: Origin | None = None
    values: tuple[PrintedValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says of one line of a rendered file, and the template line it came from."""

    image: str
    stream: str
    path: str
    line: int
    column: int
    code: str
    level: Level
    message: str
    origin: Origin | None = None
