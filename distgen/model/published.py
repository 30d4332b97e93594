"""Records of branches, of plans for them, and of the results of the plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from distgen.model.lock import Lock
from distgen.model.rendered import File
from distgen.model.words import MANIFEST, ChangeKind, Level, Status


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file in a tree of git; `blob` is its object id."""

    mode: int
    blob: str


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A file as distgen last generated it."""

    mode: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`.distgen.json` of a branch, parsed.

    `merge_bases` holds the generated text of each file with a downstream edit that was kept or
    merged. The next merge needs it, and there may be no commit that has it.
    """

    image: str
    stream: str
    files: Mapping[str, GeneratedFile]
    bases: Mapping[str, str | None]
    sources: Mapping[str, Mapping[str, str | None]]
    merge_bases: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"


@dataclass(frozen=True, slots=True)
class BranchState:
    """The tip of a branch of a dist-git repository; `manifest` None: distgen never wrote to it.

    Where a packager deleted the manifest, `manifest` is the last one, though no entry has it.

    For the paths that differ from the manifest, `content` holds their bytes and `generated` those
    that distgen last wrote, as history has them (None where it has not).
    """

    commit: str
    tree: str
    entries: Mapping[str, TreeEntry] = field(repr=False)
    manifest: Manifest | None
    content: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    generated: Mapping[str, bytes | None] = field(default_factory=dict, repr=False)
    problem: str = ""
    """Why `.distgen.json` cannot be trusted, where it is not as distgen wrote it."""
    manifest_change: str = ""
    """The commit that deleted the manifest, broke it, or brought that of another stream."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a commit comes from: all that its id depends on besides its tree and parent.

    `source` is the catalogue's address and commit as the message names it, `author` is
    "Name <address>", `date` seconds since 1970.
    """

    source: str
    author: str
    date: int
    version: str
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class Edit:
    """A downstream edit; `kind` is modified, deleted, mode, blocked or added.

    All but `added` are edits of a generated file; that is a file beside them that changes what is
    built. `generated` is the content that distgen last wrote, `downstream` the content of the
    branch; None is no file, or an unknown one. `reason` says what was done where `kind` says less.
    """

    path: str
    kind: str
    diff: str = field(default="", repr=False)
    generated: bytes | None = field(default=None, repr=False)
    downstream: bytes | None = field(default=None, repr=False)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a summary says of one kind of change.

    `phrase` is for the subject, `lines` for the text. Only a lost pin is a warning.
    """

    kind: ChangeKind
    phrase: str
    lines: tuple[str, ...]

    @property
    def level(self) -> Level:
        return "warning" if self.kind == "lost pin" else "info"


@dataclass(frozen=True, slots=True)
class Change:
    """The plan for one image and stream: files to write and paths to delete on top of `parent`.

    `parent` None begins the branch. `status` is created, updated, unchanged, refused or retired.
    Created, updated and retired become a commit with `message` and the id `commit`.
    For the other statuses `commit` is the tip of the branch.
    """

    image: str
    stream: str
    url: str
    branch: str
    status: Status
    parent: str | None
    write: tuple[File, ...] = field(default=(), repr=False)
    delete: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    message: str = ""
    detail: str = ""
    commit: str | None = None
    author: str = ""
    date: int = 0
    before: Mapping[str, bytes | None] = field(default_factory=dict, repr=False)
    """The present content of the paths that are written or deleted."""
    before_modes: Mapping[str, int] = field(default_factory=dict, repr=False)
    """The present modes of those that are there."""
    tree: str = ""
    """The id of the whole tree of `commit`."""
    exit_code: int = 1
    """The exit code if this fails: 2 when the catalogue is to blame for it."""
    can_restamp: bool = False
    """Whether it was published from uncommitted files that the present commit gives as well."""
    signature: str = field(default="", repr=False)
    """The armored signature of `commit`; empty when it is not signed."""
    statements: tuple[Statement, ...] = field(default=(), repr=False)
    """What the message says of the change, ordered by kind."""

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"

    @property
    def takes_over(self) -> bool:
        """Tell whether a branch gets its first manifest, and no other file changes."""
        return self.before == {MANIFEST: None} and not self.delete


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run for one image and stream."""

    image: str
    stream: str
    url: str
    branch: str
    status: Status
    commit: str | None = None
    parent: str | None = None
    detail: str = ""
    edits: tuple[Edit, ...] = ()
    exit_code: int = 1
    can_restamp: bool = False

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"
