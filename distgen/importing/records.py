"""Records of what is imported: trees as they were read, images as they will be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from distgen.model.rendered import File

ImportStatus = Literal["imported", "refused"]
FilesByStream = Mapping[str, tuple[File, ...]]
"""All files of a repository's branches, or of the context of one Dockerfile, by stream."""


@dataclass(frozen=True, slots=True)
class ImportChoice:
    """What the user says of all that is imported.

    `streams` are pairs of stream and branch, `names` new names by those that would be taken.
    `dockerfile` is the path of the only one that counts; with `each` every one is an image.
    """

    namespace: str
    streams: tuple[tuple[str, str], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    dockerfile: str = ""
    each: bool = False
    registry: str = ""
    factor: bool = False


@dataclass(frozen=True, slots=True)
class ReadRepository:
    """A repository or folder that was read; `branches` are its streams' branches.

    `url` is where its dist-git repository would be, empty for what nothing can be pushed to.
    """

    place: str
    name: str
    trees: FilesByStream
    branches: Mapping[str, str]
    url: str = ""


@dataclass(frozen=True, slots=True)
class ImageContext:
    """The build context of one image in the streams that have it.

    `dockerfile` is the path that its Dockerfile has in the repository.
    """

    place: str
    name: str
    trees: FilesByStream
    dockerfile: str
    notes: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class DockerfileParents:
    """The images that a Dockerfile builds on, as references with their registries.

    `base` may be `scratch`; `builders` are pairs of role and reference.
    """

    base: str
    builders: tuple[tuple[str, str], ...] = ()

    @property
    def references(self) -> tuple[str, ...]:
        return (self.base, *(reference for _, reference in self.builders))


@dataclass(frozen=True, slots=True)
class ImageDraft:
    """An image that can be imported, its files aside; parents are still references."""

    place: str
    name: str
    description: str
    parents: Mapping[str, DockerfileParents]
    notes: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file as the catalogue keeps it, below the folder of an image or the catalogue's root."""

    path: str
    content: bytes = field(repr=False)
    executable: bool = False


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of one image, or of a place that holds none; `parents` as its overlay says."""

    image: str
    source: str
    status: ImportStatus
    streams: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of everything; `diff` is what a shared template changes, `note` why none is.

    `ignored` are new files that git would leave out of a commit.
    """

    results: tuple[ImportResult, ...]
    diff: str = ""
    note: str = ""
    ignored: tuple[str, ...] = ()
