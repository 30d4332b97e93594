"""The records of a report: the change as a whole, and what a page says of each image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from distgen.catalogue.value_origins import ValueOrigin
from distgen.compare.records import GroupedDiff
from distgen.model.rendered import Finding, LineKind
from distgen.model.words import Origin


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of a Dockerfile: what it is, where it was written, and who set the values on it."""

    text: str
    kind: LineKind
    origin: Origin | None = None
    values: tuple[ValueOrigin, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueSetting:
    """Who sets a value: a layer, its line, and what it writes with which operator."""

    layer: str
    origin: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class ReportedValue:
    """A value of an image as JSON, and its settings, the one that counts last."""

    key: str
    value: str
    settings: tuple[ValueSetting, ...]


@dataclass(frozen=True, slots=True)
class BranchCommit:
    """A commit of an image's branch: its id, the day of its author in UTC, and its subject."""

    id: str
    day: str
    subject: str


@dataclass(frozen=True, slots=True)
class Notes:
    """What only one kind of comparison tells of images, by their keys.

    `reasons` need an earlier catalogue, whose commit is `since`; `commits` need repositories.
    """

    since: str = ""
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    commits: Mapping[str, tuple[BranchCommit, ...]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ReportedImage:
    """All that the page of an image says, besides the groups of edits that it is in.

    `change` is changed, added, removed, rebuilt, or the status of one that is not delivered. Of an
    image that is gone only that is known. `reasons` are there for a change of the catalogue.
    `labels`, `dockerfile` and `values` are empty until its page is made.
    """

    key: str
    change: str
    reasons: tuple[str, ...] = ()
    description: str = ""
    reference: str = ""
    url: str = ""
    tags: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    dependents: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    findings: tuple[Finding, ...] = ()
    dockerfile: tuple[SourceLine, ...] = field(default=(), repr=False)
    values: tuple[ReportedValue, ...] = field(default=(), repr=False)
    commits: tuple[BranchCommit, ...] = field(default=(), repr=False)


CompleteImage = Callable[[ReportedImage], ReportedImage]
"""Adds to an image what its own page alone shows."""


@dataclass(frozen=True, slots=True)
class GraphNode:
    """An image of the catalogue, what happens to it (else nothing), and the images below it."""

    key: str
    change: str = ""
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A change of all images; `provenance` says what made it, by name.

    `graph` has every image of the catalogue, parents first. `address` is where the files of the
    catalogue are shown, "" where that is not known.
    """

    diff: GroupedDiff
    images: tuple[ReportedImage, ...] = field(repr=False)
    provenance: Mapping[str, str]
    graph: tuple[GraphNode, ...] = field(default=(), repr=False)
    address: str = ""
