"""The records that flow from stage to stage: frozen, with tuples and read-only mappings inside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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
LEVELS: tuple[Level, ...] = ("error", "warning", "info", "style")

REGULAR, EXECUTABLE, SYMLINK = 0o100644, 0o100755, 0o120000
MANIFEST = ".distgen.json"
ATTRIBUTES = ".gitattributes"


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A place in a file of the catalogue; `path` is relative to it, lines and columns count from 1."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part)


# --- the catalogue ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Layer:
    """What one overlay says: values as written, operator keys (`packages+`) included.

    `name` is the layer's word in `explain`: template, namespace, stream, extends, image, image
    stream, site, --set. `marks` are the (line, column) of every key path of the whole document,
    and `at` is where `values` stands in it.
    """

    name: str
    path: str
    values: Mapping[str, Any]
    marks: Mapping[KeyPath, tuple[int, int]] = field(default_factory=dict, repr=False)
    at: KeyPath = ()

    def origin(self, key: KeyPath = ()) -> Origin:
        """Return where `key` (relative to `values`) was written, or the nearest thing above it."""
        full = (*self.at, *key)
        while full and full not in self.marks:
            full = full[:-1]
        return Origin(self.path, *self.marks.get(full, (0, 0)))


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A file of a template or an image's overlay folder, read into memory.

    `path` is where it goes in the tree (it may hold `{{ image.name }}`), `source` where it stands in
    the catalogue. `rendered` files went by `*.j2`; all others are copied as they are.
    """

    path: str
    source: str
    content: bytes = field(repr=False)
    rendered: bool
    executable: bool


@dataclass(frozen=True, slots=True)
class Template:
    """What one kind of image looks like; files and schema include what it extends."""

    name: str
    description: str
    schema: Mapping[str, Any]
    defaults: Layer
    files: tuple[TemplateFile, ...]
    extends: tuple[str, ...] = ()
    origin: Origin = Origin("")


@dataclass(frozen=True, slots=True)
class Stream:
    """A line of development: one branch of the dist-git repository, and the tags its builds get.

    `speculative` streams take trees whose sources were replaced for one run.
    """

    name: str
    branch: str
    tags: tuple[str, ...]
    speculative: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What a policy says of one code (`DG203`, `DL3008`, `SC2086`).

    `level` None leaves the rule's own level, "ignore" drops findings and needs a `reason`.
    `images` are globs of the images it is about (none: all), `exempt` globs of those it is not,
    each with its reason. `options` are the rule's own settings.
    """

    code: str
    level: Level | Literal["ignore"] | None = None
    reason: str = ""
    images: tuple[str, ...] = ()
    exempt: tuple[tuple[str, str], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = Origin("")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a namespace demands: the images everything builds from, and rules by code."""

    roots: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class DistGit:
    """Where repositories go; `url` holds `{namespace}` and `{image}`, a relative one is a local path.

    `token_env` and `token_file` name where a token is, never the token itself.
    """

    url: str
    author: str
    forge: str
    origin: Origin = Origin("")
    api: str = ""
    """Where the forge's own interface is; empty: where it is for `url`."""
    token_env: str = ""
    token_file: str = ""
    labels: tuple[str, ...] = ("distgen",)
    private: bool = False


@dataclass(frozen=True, slots=True)
class TagPolicy:
    """Which tags a component's git repository gives its images; `tags:` of a namespace.

    `component` names the source that is meant (empty: the one named like the image, or the first).
    `releases` are shapes of git tags (`v{version}`), `branches` patterns whose `*` is the tag,
    `aliases` shapes of further tags of releases (`{X}.{Y}`), `promoted` what only promotion moves.
    """

    component: str = ""
    releases: tuple[str, ...] = ("{version}", "v{version}")
    latest: bool = True
    branches: tuple[str, ...] = ("master", "main", "stable/*", "unmaintained/*")
    aliases: tuple[str, ...] = ()
    promoted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retention:
    """How long tags are kept; `retention:` of a namespace.

    `keep` are patterns of tags that stay for ever; `days` maps patterns to days, the first that
    matches counts, and a tag that none matches stays.
    """

    keep: tuple[str, ...] = ()
    days: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Namespace:
    """A group of images that work together and share a registry account."""

    name: str
    description: str
    registry: str
    repository: str
    streams: tuple[Stream, ...]
    policy: Policy
    exports: tuple[str, ...]
    dist_git: DistGit
    origin: Origin = Origin("")
    tags: TagPolicy = TagPolicy()
    retention: Retention = Retention()


@dataclass(frozen=True, slots=True)
class Parent:
    """What a `FROM` or a `COPY --from` may name.

    `role` is "base" for `from:`, else the builder's name. `image` is the key (`ns/name@stream`) of
    a catalogue image, None for an external one. `reference` is the public `registry/repository:tag`.
    """

    role: str
    image: str | None
    reference: str
    origin: Origin = Origin("")


@dataclass(frozen=True, slots=True)
class Source:
    """A git repository whose content goes into the image; `ref` is a branch, tag, refs/... or commit."""

    name: str
    git: str
    ref: str
    origin: Origin = Origin("")


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the build fetches."""

    name: str
    url: str
    origin: Origin = Origin("")


@dataclass(frozen=True, slots=True)
class Image:
    """One image in one stream, everything merged: the unit of all later stages.

    `parents` has the base first, then the builders in order. `layers` are in order, later wins;
    `values` is their merge. `files` are the image's own, laid over the template's; `patches` are
    applied last in this order. `url` is its dist-git repository, `reference` its name with tag.
    """

    namespace: str
    name: str
    stream: Stream
    description: str
    template: str
    parents: tuple[Parent, ...]
    sources: tuple[Source, ...]
    downloads: tuple[Download, ...]
    values: Mapping[str, Any] = field(repr=False)
    layers: tuple[Layer, ...] = field(repr=False)
    files: tuple[TemplateFile, ...] = field(repr=False)
    patches: tuple[TemplateFile, ...] = field(repr=False)
    reference: str
    url: str
    origin: Origin = Origin("")

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}@{self.stream.name}"


@dataclass(frozen=True, slots=True)
class Catalog:
    """A catalogue read and merged; images sorted by key."""

    root: str
    images: tuple[Image, ...]
    templates: Mapping[str, Template]
    namespaces: Mapping[str, Namespace]
    source: str | None
    mirrors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    shared: Mapping[str, TemplateFile] = field(default_factory=dict, repr=False)
    """Files of the template folders that begin with `_`, and every `*.j2`, by path below templates/."""
    findings: tuple[Finding, ...] = ()
    """What a source says of the images it brought."""


# --- the lock --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LockedBase:
    digest: str
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class LockedSource:
    """`date` is the commit's, ISO 8601 in UTC (`2024-05-01T12:00:00Z`)."""

    commit: str
    date: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """The resolved facts: bases by public reference, sources by (git, ref), downloads' sha256 by url."""

    bases: Mapping[str, LockedBase] = field(default_factory=dict)
    sources: Mapping[tuple[str, str], LockedSource] = field(default_factory=dict)
    downloads: Mapping[str, str] = field(default_factory=dict)


# --- rendered --------------------------------------------------------------------------------


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
    """The rendered files of one image in one stream, sorted by path, and what it was resolved to.

    `bases` maps the public reference of each parent to its digest (None: unpinned); `sources` maps
    each source's name to its git, ref and commit, and to its version where that is known.
    """

    image: str
    stream: str
    files: tuple[File, ...]
    bases: Mapping[str, str | None] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"


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


# --- published -------------------------------------------------------------------------------


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
    edited: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Present:
    """What stands on a branch of a dist-git repository now; `manifest` None: distgen was never here.

    `generated` holds, for owned paths that differ from the manifest, the bytes last generated (found
    in history, else None), and `content` the bytes that stand there now.
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
    lock: Lock = Lock()


@dataclass(frozen=True, slots=True)
class Edit:
    """A downstream edit of an owned file; `kind` is modified, deleted, mode or blocked.

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

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"
