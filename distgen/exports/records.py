"""Records that every format of an export is made from, and the one that it returns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from distgen.model.catalogue import Image, Namespace, Template
from distgen.model.lock import Lock
from distgen.model.rendered import File, Tree

Place = Literal["beside", "repository"]
"""Where files go: into each repository, or into one folder for many images."""
Need = Literal["commits", "dockerfiles", "trees", "tests"]


@dataclass(frozen=True, slots=True)
class MatrixEntry:
    """What an engine needs to build one image in one stream.

    `repository` is the public address; `commit` is "" where the format asks for none. `path` is
    the build context below the repository. `depends_on` has the keys of the parents in the same
    selection, and `level` is the step in which all of them are built.
    """

    image: str
    stream: str
    repository: str
    branch: str
    commit: str
    path: str
    reference: str
    tags: tuple[str, ...]
    platforms: tuple[str, ...]
    depends_on: tuple[str, ...]
    level: int

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"

    @property
    def namespace(self) -> str:
        return self.image.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Selection:
    """What to export: images with all that is known of them, parents first.

    `entries` has one entry an image, in the order of `images`. `trees` is empty unless the format
    needs them; `options` are those of the format, by name. `dockerfiles` has the text of each, as
    published where the format takes published commits, else as rendered; empty unless needed.
    `inputs` are the files and folders that the catalogue was read from.
    """

    images: tuple[Image, ...]
    entries: tuple[MatrixEntry, ...]
    namespaces: Mapping[str, Namespace]
    lock: Lock
    trees: Mapping[str, Tree] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict, repr=False)
    dockerfiles: Mapping[str, str] = field(default_factory=dict, repr=False)
    inputs: tuple[str, ...] = ()
    catalogue_images: tuple[Image, ...] = field(default=(), repr=False)
    """All that there are, those too that were not chosen."""
    tests: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """The merged structure tests of each image; empty unless needed."""


@dataclass(frozen=True, slots=True)
class RefusedImage:
    """An image that a format cannot describe, and why, as the end of a sentence."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The files of an export by their paths, what was refused, and what to beware of."""

    files: tuple[File, ...]
    refused: tuple[RefusedImage, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FormatOption:
    """An option of one format, `--NAME`; its value is text, "" where it is not given."""

    name: str
    metavar: str
    help: str
    replaces_commits: bool = False
    """Whether the format takes rendered trees, not published commits, where it is given."""


ImageFilter = Callable[[Sequence[Image], Mapping[str, Namespace]], Collection[str]]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format: how it is called, where its files go, and what writes them.

    `needs` says what is to be read before; published commits need servers or the store, trees need
    rendering. `images_to_render` returns the keys of the images whose trees are needed, where these
    are not all. A format with a `file_name` is one file, printed where no folder is given.
    """

    name: str
    place: Place
    summary: str
    write: Callable[[Selection], ExportResult]
    needs: frozenset[Need] = frozenset()
    images_to_render: ImageFilter | None = None
    file_name: str = ""
    options: tuple[FormatOption, ...] = ()
    no_match_exit_code: int = 2
    """The exit code where a pattern matches no image; 1 is for formats that may be empty."""
