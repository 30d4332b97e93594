"""Records of what the files of a catalogue say, before anything is merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, cast

from distgen.model.catalogue import (
    DEFAULT_LIMITS,
    Layer,
    Namespace,
    RenderLimits,
    Template,
    TemplateFile,
)
from distgen.model.dist_git import DistGit
from distgen.model.words import EditPolicy, OnEdit, Origin
from distgen.schema.yaml import Document

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


@dataclass(frozen=True, slots=True)
class Settings:
    """What a site decides in `distgen.yaml`; `values` are its overlay."""

    dist_git: DistGit
    source: str | None
    mirrors: Mapping[str, Mapping[str, str]]
    values: Layer
    document: Document
    on_edit: EditPolicy = ()
    limits: RenderLimits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Assignment:
    """One `--set`: a layer for the images that match `pattern`."""

    text: str
    pattern: str
    layer: Layer

    def reaches(self, full_name: str, stream: str) -> bool:
        """Tell whether the layer is for this image and stream."""
        name, _, stream_pattern = self.pattern.partition("@")
        return fnmatchcase(full_name, name) and fnmatchcase(stream, stream_pattern or "*")


@dataclass(frozen=True, slots=True)
class Group:
    """A namespace with its layers; the tags in its streams may still hold `{value}`.

    `source` names the source of its images, empty where they come from templates; `settings` are
    for that source, `exports` for the formats whose files stand in each repository.
    """

    namespace: Namespace
    document: Document
    values: Layer
    streams: Mapping[str, Layer]
    source: str
    settings: Layer
    exports: Layer

    @property
    def name(self) -> str:
        return self.namespace.name


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """The files of an image's folder, and the patches and structure tests in it, all by name.

    `verbatim` are the files that are copied byte for byte by their stream, "" for all streams.
    """

    files: tuple[TemplateFile, ...] = ()
    patches: tuple[TemplateFile, ...] = ()
    tests: tuple[TemplateFile, ...] = ()
    verbatim: Mapping[str, tuple[TemplateFile, ...]] = field(default_factory=dict)

    def for_stream(self, stream: str) -> tuple[TemplateFile, ...]:
        """Return the files that a stream gets, later wins."""
        if not self.verbatim:
            return self.files
        return (*self.verbatim.get("", ()), *self.verbatim.get(stream, ()), *self.files)


@dataclass(frozen=True, slots=True)
class Overlay:
    """What one image's file and folder say, before anything inherited.

    `spec` and `stream_specs` are layers of all keys but values; `streams` None means all of them.
    """

    namespace: str
    name: str
    extends: str | None
    streams: tuple[str, ...] | None
    spec: Layer
    stream_specs: Mapping[str, Layer]
    values: Layer
    stream_values: Mapping[str, Layer]
    folder: ImageFiles
    document: Document

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    def origin(self, key: str = "") -> Origin:
        """Return the line of a key of the file, or the file."""
        return self.spec.origin((key,)) if key else self.spec.origin()


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A template ready for use: its default layers, the one it extends first, and its checks.

    `nullable` are the values that may be absent, which templates then see as none.
    """

    template: Template
    layers: tuple[Layer, ...]
    checks: Mapping[str, Draft202012Validator]
    nullable: frozenset[str]
    document: Document

    @property
    def name(self) -> str:
        return self.template.name


def edit_policy(choice: str | Mapping[str, str] | None) -> EditPolicy:
    """Return the policy of an `on_edit`: one word, or words by globs of paths."""
    choices = {"*": choice} if isinstance(choice, str) else choice or {}
    return tuple((glob, cast("OnEdit", word)) for glob, word in choices.items())
