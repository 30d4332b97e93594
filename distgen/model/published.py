"""Records of branches, of plans for them, and of what came of the plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from distgen.model.lock import Lock
from distgen.model.rendered import File
from distgen.model.words import Status


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in git; `blob` is its object id."""

    mode: int
    blob: str


@dataclass(frozen=True, slots=True)
class Owned:
    """What was last generated for a path."""

    mode: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`.distgen.json` of a branch, parsed.

    `edited` holds, for files whose downstream edit was kept or merged, the generated text that
    the edit stands on: the next merge needs it, and no commit may have it.
    """

    image: str
    stream: str
    files: Mapping[str, Owned]
    bases: Mapping[str, str | None]
    sources: Mapping[str, Mapping[str, str | None]]
    edited: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Present:
    """What stands on a branch of a dist-git repository; `manifest` None: distgen was never here.

    `generated` holds, for owned paths that differ from the manifest, the bytes last generated
    (found in history, else None), and `content` the bytes that stand there now.
    """

    commit: str
    tree: str
    entries: Mapping[str, Entry] = field(repr=False)
    manifest: Manifest | None
    content: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    generated: Mapping[str, bytes | None] = field(default_factory=dict, repr=False)
    problem: str = ""
    """Why `.distgen.json` cannot be trusted, when it is there but is not what distgen wrote."""


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
    """A downstream edit of an owned file; `kind` is modified, deleted, mode or blocked.

    An edit that was `added` is a file of their own that changes what is built.
    `was` is what distgen last generated and `now` what stands there, None for no file or unknown.
    """

    path: str
    kind: str
    diff: str = field(default="", repr=False)
    was: bytes | None = field(default=None, repr=False)
    now: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """The plan for one image and stream: files to write and paths to delete on top of `parent`.

    `parent` None begins the branch. `status` is created, updated, unchanged, refused or retired;
    created, updated and retired become a commit, with `message`, whose id will be `commit`.
    For the other statuses `commit` is what stands there.
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
    """What stands at the paths that are written or deleted."""
    tree: str = ""
    """The id of the whole tree of `commit`."""
    exit_code: int = 1
    """What a failure makes of the exit code: 2 when the catalogue is to blame for it."""
    signature: str = field(default="", repr=False)
    """What `commit` is signed with, armored; empty when it is not."""

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"


@dataclass(frozen=True, slots=True)
class Result:
    """What happened to one image and stream."""

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

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"
