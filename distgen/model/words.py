"""Words of one kind or level, and the place in the catalogue that something came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

KeyPath = tuple[str | int, ...]
Level = Literal["error", "warning", "info", "style"]
Status = Literal[
    "created",
    "updated",
    "unchanged",
    "refused",
    "skipped",
    "failed",
    "retired",
    "behind",
    "drifted",
]
COMMIT_STATUSES: tuple[Status, ...] = ("created", "updated", "retired")
"""The statuses of changes that have a commit to push."""
OnEdit = Literal["refuse", "keep", "merge", "overwrite"]
"""What to do with a generated file that was edited downstream."""
EditPolicy = tuple[tuple[str, OnEdit], ...]
"""What to do with edited files by globs of their paths; the first that matches counts."""
LEVELS: tuple[Level, ...] = ("error", "warning", "info", "style")
ChangeKind = Literal[
    "lost pin",
    "base",
    "source",
    "runtime",
    "packages",
    "environment",
    "files",
    "labels",
    "formatting",
]
"""What a change of an image is about: `runtime` is its user, entrypoint, command, ports, volumes;
`files` are scripts, build steps and other files; `formatting` is README, comments and layout."""
CHANGE_KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)
"""In the order in which a reviewer reads them."""

Folding = Literal["own", "all", "none"]
"""What a forge folds in reviews: distgen's own two files, or all that it generates.

With "none" there is no `.gitattributes` of distgen's.
"""

REGULAR, EXECUTABLE, SYMLINK = 0o100644, 0o100755, 0o120000
MANIFEST = ".distgen.json"
ATTRIBUTES = ".gitattributes"
REVIEW_BRANCHES = "distgen/"
"""What the names of branches begin with that reviews are asked for from."""


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A place in a file of the catalogue; `path` is relative to it, lines count from 1."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part)


NOWHERE = Origin("")

UNCOMMITTED = "uncommitted"
"""The source of what was published from outside git."""
DIRTY = "-dirty"
"""Stands behind the commit of a catalogue that held other changes."""


def is_committed(source: str) -> bool:
    """Say whether a source names a commit that leads to what was published."""
    return not source.endswith((DIRTY, UNCOMMITTED))
