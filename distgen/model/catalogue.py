"""Records of a catalogue that was read and merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from distgen.model.archives import Archive
from distgen.model.deployment import Deployment
from distgen.model.dist_git import DistGit
from distgen.model.export_settings import ExportSettings
from distgen.model.policy import KEEP_ALL, Policy, Retention
from distgen.model.releases import TaggedComponent, TagStreams
from distgen.model.rendered import Finding
from distgen.model.words import NOWHERE, EditPolicy, Folding, KeyPath, Origin


@dataclass(frozen=True, slots=True)
class Layer:
    """What one overlay says: values as written, operator keys (`packages+`) included.

    `name` is the layer's word in `explain`: template, namespace, stream, extends, image, image
    stream, site, --set. `marks` are the (line, column) of every key path of the whole document,
    and `at` is the key of `values` in it.
    """

    name: str
    path: str
    values: Mapping[str, Any]
    marks: Mapping[KeyPath, tuple[int, int]] = field(default_factory=dict, repr=False)
    at: KeyPath = ()

    def origin(self, key: KeyPath = ()) -> Origin:
        """Return the line of `key` (relative to `values`), or of the nearest key above it."""
        full = (*self.at, *key)
        while full and full not in self.marks:
            full = full[:-1]
        return Origin(self.path, *self.marks.get(full, (0, 0)))


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A file of a template or an image's overlay folder, read into memory.

    `path` is its path in the tree (it may hold `{{ image.name }}`), `source` the one in the
    catalogue. Files called `*.j2` are rendered; all others are copied as they are. The path of a
    literal one holds no expressions, and a link leads to what its content says.
    """

    path: str
    source: str
    content: bytes = field(repr=False)
    is_rendered: bool
    executable: bool
    is_literal: bool = False
    is_link: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """The files, values and defaults of a kind of image; those that it extends are included."""

    name: str
    description: str
    schema: Mapping[str, Any]
    defaults: Layer
    files: tuple[TemplateFile, ...]
    extends: tuple[str, ...] = ()
    origin: Origin = NOWHERE
    tests: tuple[TemplateFile, ...] = ()
    verbatim: bool = False
    """Whether files stay as they are printed, and distgen adds its manifest alone."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A line of development: one branch of the dist-git repository, and the tags its builds get.

    `speculative` streams take trees with sources that were replaced for one run. A stream that is
    made from a git tag of a component has the tag's name, and is otherwise `like` another stream.
    """

    name: str
    branch: str
    tags: tuple[str, ...]
    speculative: bool = False
    like: str = ""

    @property
    def pattern(self) -> str:
        """Return the stream that the namespace and the overlays of images speak of."""
        return self.like or self.name


@dataclass(frozen=True, slots=True)
class TagPolicy:
    """Which tags a component's git repository gives its images; `tags:` of a namespace.

    `component` names the source that is meant (empty: the one named like the image, or the first).
    `releases` are shapes of git tags (`v{version}`), `branches` patterns with `*` for the tag,
    `aliases` shapes of further tags of releases (`{X}.{Y}`), `promoted` what only promotion moves.
    """

    component: str = ""
    releases: tuple[str, ...] = ("{version}", "v{version}")
    latest: bool = True
    branches: tuple[str, ...] = ("master", "main", "stable/*", "unmaintained/*")
    aliases: tuple[str, ...] = ()
    promoted: tuple[str, ...] = ()

    def component_of(self, image: str, sources: Sequence[Source]) -> Source | None:
        """Return the source that an image's releases and branches are of, None without sources."""
        name = self.component or image
        # An image may have its component and others beside it: the name decides, then the order.
        return next(iter(sorted(sources, key=lambda source: source.name != name)), None)


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
    origin: Origin = NOWHERE
    tags: TagPolicy = TagPolicy()
    retention: Retention = KEEP_ALL
    on_edit: EditPolicy = ()
    folding: Folding = "own"
    from_tags: TagStreams | None = None
    platforms: tuple[str, ...] = ()
    deployment: Deployment | None = None


@dataclass(frozen=True, slots=True)
class Parent:
    """What a `FROM` or a `COPY --from` may name.

    `role` is "base" for `from:`, else the builder's name. `image` is the key (`ns/name@stream`) of
    a catalogue image, None for an external one. `reference` is the public one, with its tag.
    """

    role: str
    image: str | None
    reference: str
    origin: Origin = NOWHERE


@dataclass(frozen=True, slots=True)
class SourceChange:
    """A change under review; `commit` is where its ref has to stand, None where it never moves."""

    git: str
    ref: str
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A git repository that goes into the image; `ref` is whatever git can fetch.

    `changes` are merged into it in their order, for a run that tries them.
    """

    name: str
    git: str
    ref: str
    origin: Origin = NOWHERE
    changes: tuple[SourceChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the build fetches."""

    name: str
    url: str
    origin: Origin = NOWHERE


@dataclass(frozen=True, slots=True)
class ImageProblem:
    """Why a source could not write the files of an image, where, and what to do."""

    problem: str
    origin: Origin
    hint: str = ""


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
    origin: Origin = NOWHERE
    heritage: tuple[str, ...] = ()
    """The images that its overlay extends, farthest first."""
    on_edit: EditPolicy = ()
    """What its own overlay says of downstream edits; the namespace says the rest."""
    tests: tuple[TemplateFile, ...] = field(default=(), repr=False)
    """Its own structure tests and those of the images it extends, farthest first."""
    imported_version: str = ""
    """The version of the source that brought it."""
    problem: ImageProblem | None = None
    """Why it cannot be rendered, where its source found that; other images can be."""
    platforms: tuple[str, ...] = ()
    """What it is built for, as `OS/ARCH`; empty: nobody said."""
    public_url: str = ""
    """Where others reach its repository; empty: nobody said."""
    exports: tuple[ExportSettings, ...] = ()
    """The formats whose files stand in its repository."""
    archives: tuple[Archive, ...] = ()
    """The files that its Dockerfile adds and its source's own build tool makes."""

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def key(self) -> str:
        return intern(f"{self.namespace}/{self.name}@{self.stream.name}")

    @property
    def base(self) -> Parent | None:
        """Return the parent that `from:` names."""
        return next((parent for parent in self.parents if parent.role == "base"), None)

    @property
    def parent_keys(self) -> tuple[str, ...]:
        """Return the keys of the parents that are images of the catalogue."""
        return tuple(parent.image for parent in self.parents if parent.image)

    @property
    def imported_from(self) -> str:
        """Return the source that brought it; empty where a template describes it."""
        return self.template.partition(":")[0] if ":" in self.template else ""


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """What one image may use while it is rendered: processor seconds, and bytes of memory."""

    seconds: float = 20
    memory: int = 512 * 2**20


DEFAULT_LIMITS = RenderLimits()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A catalogue read and merged; images sorted by key."""

    root: str
    images: Sequence[Image]
    templates: Mapping[str, Template]
    namespaces: Mapping[str, Namespace]
    source: str | None
    mirrors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    shared: Mapping[str, TemplateFile] = field(default_factory=dict, repr=False)
    """Files that templates may include, by path below templates/: every `*.j2`, all in `_...`."""
    inputs: tuple[str, ...] = ()
    """The files and folders that it was read from, relative to `root` or as they are named."""
    documents: Mapping[str, Layer] = field(default_factory=dict, repr=False)
    """Its YAML files by path, each as one layer of all that is written in it."""
    named_files: Mapping[str, TemplateFile] = field(default_factory=dict, repr=False)
    """The files that settings of sources name, by path; only where states are compared."""
    findings: tuple[Finding, ...] = ()
    """What a source says of the images it brought."""
    limits: RenderLimits = DEFAULT_LIMITS
    digest: str = field(default="", compare=False)
    """Stands for all that it was read from, with `--set`; empty: that is not known."""
    components: tuple[TaggedComponent, ...] = ()
    """What streams are made from tags of, sorted."""
