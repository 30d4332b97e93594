"""Records of files that a Dockerfile adds and only the original build tool of an image makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ArchivePart:
    """Where the content of an archive comes from.

    `git` is the image's source of this name, and `url` its download, unless the configuration gives
    its `sha256`. `clone` is the folder that a clone is called. `problem` says why nobody else can
    fetch it.
    """

    name: str
    kind: Literal["git", "url"]
    location: str
    sha256: str = ""
    clone: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Archive:
    """A file that a Dockerfile adds, and what it is made of.

    A set of parts lies in one `folder` in it. `in_build` says that the build itself can fetch it.
    """

    path: str
    parts: tuple[ArchivePart, ...]
    folder: str = ""
    in_build: bool = False

    @property
    def problem(self) -> str:
        """Return why it cannot be fetched, "" where it can."""
        return next((part.problem for part in self.parts if part.problem), "")
