"""Records of formats whose files stand in each repository, and of what they demand of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from distgen.dockerfile.parse import Dockerfile
from distgen.model.catalogue import Image, Namespace
from distgen.model.export_settings import ExportSettings
from distgen.model.lock import Lock
from distgen.model.words import Level, Origin


@dataclass(frozen=True, slots=True)
class RepositoryFile:
    """A file that a format puts into a repository, without a header.

    `origins` has for each line the line of the catalogue that asked for it. A packager's own file
    at its path, or at one of `other_names`, stays and keeps it away.
    """

    path: str
    text: str = field(repr=False)
    origins: tuple[Origin, ...]
    other_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Demand:
    """What a downstream does not take, or would misread, in a line of an image's Dockerfile."""

    line: int
    message: str
    level: Level = "error"


@dataclass(frozen=True, slots=True)
class RepositoryFormat:
    """A format whose files stand in each repository, for the namespaces that name it in `exports`.

    `refuse` raises InputError for settings that the image cannot have. `write` returns the files,
    none where nothing was asked for. `check` takes the paths of a tree and its Dockerfile, and says
    what the downstream would refuse or misread.
    """

    name: str
    summary: str
    refuse: Callable[[Image, Namespace, ExportSettings], None]
    write: Callable[[Image, ExportSettings, Lock], Iterable[RepositoryFile]]
    check: Callable[[Iterable[str], Dockerfile], Iterable[Demand]]
