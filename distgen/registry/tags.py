"""Turn the catalogue and the refs of its components into the tags that images are to get."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from packaging.version import Version

from distgen.errors import InputError
from distgen.git.refs import (
    CLOSED_SERIES_SUFFIXES,
    HEADS,
    TAGS,
    Refs,
    full_ref,
    is_commit_id,
    release_version,
)
from distgen.model.catalogue import Image, Namespace, Source, TagPolicy
from distgen.model.lock import Lock
from distgen.model.reference import is_tag, untagged_name
from distgen.model.words import Origin

Kind = Literal["stream", "release", "latest", "branch", "alias", "promoted"]
_RANK: tuple[Kind, ...] = ("stream", "release", "branch", "latest", "alias", "promoted")
_FLOATING = frozenset({"stream", "latest", "branch", "alias", "promoted"})
_OF_RELEASES = frozenset({"release", "latest", "alias"})
NO_STREAM = "no stream is made from it (`streams.from_tags`)"


@dataclass(frozen=True, slots=True)
class PlannedTag:
    """One tag of one image, and the commit of the component that it is built from.

    `floating` tags move, the others are given once. `ref` and `commit` are the component's, None
    where the image has no component; `locked` is what the lock holds for this ref.
    """

    image: str
    stream: str
    tag: str
    reference: str
    kind: Kind
    floating: bool
    git: str | None = None
    ref: str | None = None
    commit: str | None = None
    locked: str | None = None


@dataclass(frozen=True, slots=True)
class OmittedRef:
    """A ref of a component that does not get a tag, and the reason."""

    image: str
    ref: str
    reason: str


@dataclass(frozen=True, slots=True)
class TagPlan:
    """The tags of all images, sorted by reference, and the refs without a tag."""

    tags: tuple[PlannedTag, ...]
    left_out: tuple[OmittedRef, ...] = ()


@dataclass(frozen=True, slots=True)
class TagCandidate:
    """A tag that an image may get, and the reason: a stream, or a ref of its component."""

    tag: str
    kind: Kind
    stream: str
    source: Source | None = None
    ref: str = ""
    commit: str | None = None
    is_firm: bool = False
    """Whether the tag comes from the catalogue or a release, not from a rule that may give way."""


@dataclass(frozen=True, slots=True)
class _Component:
    """The component of an image: its refs, and the streams that are built from some of them."""

    source: Source
    refs: Refs
    streams: Mapping[str, str]
    default_stream: str

    def candidate(self, tag: str, kind: Kind, ref: str, *, is_firm: bool = False) -> TagCandidate:
        """Return the candidate for a tag that is made from a ref."""
        stream = self.streams.get(ref, self.default_stream)
        return TagCandidate(tag, kind, stream, self.source, ref, self.refs[ref], is_firm)


def plan_tags(
    images: Sequence[Image],
    namespaces: Mapping[str, Namespace],
    refs: Mapping[str, Refs],
    lock: Lock,
) -> TagPlan:
    """Plan the tags of images; `refs` are those of their components by git URL.

    Raises InputError when two streams, or two images of one repository, want the same tag.
    """
    planned_tags: list[PlannedTag] = []
    omitted_refs: list[OmittedRef] = []
    streams_by_name: dict[str, list[Image]] = {}
    for image in images:
        streams_by_name.setdefault(image.full_name, []).append(image)
    for name, streams in sorted(streams_by_name.items()):
        namespace = namespaces[streams[0].namespace]
        order = [stream.name for stream in namespace.streams]
        streams.sort(key=lambda image: _stream_position(order, image.stream.name))
        candidates = list(_candidates(streams, namespace.tags, refs))
        if namespace.from_tags is not None:
            planned = {
                candidate.ref for candidate in candidates if candidate.kind not in _OF_RELEASES
            }
            planned |= {_component_ref(image, namespace.tags, {}) for image in streams}
            releases = {item.ref for item in candidates if item.kind in _OF_RELEASES} - planned
            omitted_refs += [OmittedRef(name, ref, NO_STREAM) for ref in sorted(releases)]
            candidates = [item for item in candidates if item.ref not in releases]
        chosen, omissions = _choose_candidates(streams[0], candidates)
        planned_tags += [_planned_tag(streams[0], candidate, lock) for candidate in chosen]
        omitted_refs += [OmittedRef(name, ref, reason) for ref, reason in omissions]
    _refuse_shared_tags(planned_tags, {image.full_name: image.origin for image in images})
    return TagPlan(tuple(sorted(planned_tags, key=lambda tag: tag.reference)), tuple(omitted_refs))


def component_source(image: Image, policy: TagPolicy) -> Source | None:
    """Return the source whose releases and branches are the image's, None without sources."""
    if image.imported_from:  # who brought the image says its tags
        return None
    return policy.component_of(image.name, image.sources)


def _candidates(
    streams: Sequence[Image], policy: TagPolicy, refs: Mapping[str, Refs]
) -> Iterator[TagCandidate]:
    yield from _stream_candidates(streams, policy, refs)
    default_stream = streams[0].stream.name
    source = component_source(streams[0], policy)
    if source is not None:
        heads = refs.get(source.git, {})
        # Of streams that are built from the same ref, the first has it.
        names = {_component_ref(image, policy, heads): image.stream.name for image in streams[::-1]}
        component = _Component(source, heads, names, default_stream)
        yield from _branch_candidates(component, policy)
        yield from _release_candidates(component, policy)
    for tag in policy.promoted:
        yield TagCandidate(tag, "promoted", default_stream)


def _stream_candidates(
    streams: Sequence[Image], policy: TagPolicy, refs: Mapping[str, Refs]
) -> Iterator[TagCandidate]:
    for image in streams:
        source = component_source(image, policy)
        for tag in image.stream.tags:
            # The stream of a git tag is that release; its other tags move on to the next one.
            is_release = bool(image.stream.like) and tag == image.stream.name
            kind: Kind = "release" if is_release else "stream"
            if source is None:
                yield TagCandidate(tag, kind, image.stream.name, is_firm=True)
                continue
            heads = refs.get(source.git, {})
            ref = full_ref(source.ref, heads) or source.ref
            commit = ref if is_commit_id(ref) else heads.get(ref)
            yield TagCandidate(tag, kind, image.stream.name, source, ref, commit, True)


def _component_ref(image: Image, policy: TagPolicy, refs: Refs) -> str:
    source = component_source(image, policy)
    return (full_ref(source.ref, refs) or source.ref) if source is not None else ""


def _branch_candidates(component: _Component, policy: TagPolicy) -> Iterator[TagCandidate]:
    """Yield a tag for each branch; for a closed series, from the git tag that closed it."""
    ref_of_tag: dict[str, str] = {}
    for pattern in policy.branches:
        for ref in sorted(component.refs):
            if ref.startswith(HEADS) and fnmatchcase(ref.removeprefix(HEADS), pattern):
                ref_of_tag.setdefault(_match_of_star(ref.removeprefix(HEADS), pattern), ref)
    has_series = any("*" in pattern for pattern in policy.branches)
    for suffix in CLOSED_SERIES_SUFFIXES if has_series else ():
        for ref in sorted(component.refs):
            if ref.startswith(TAGS) and ref.endswith(suffix):
                ref_of_tag.setdefault(ref.removeprefix(TAGS).removesuffix(suffix), ref)
    for tag, ref in ref_of_tag.items():
        yield component.candidate(tag, "branch", ref, is_firm=ref in component.streams)


def _match_of_star(branch: str, pattern: str) -> str:
    before, star, after = pattern.partition("*")
    return branch[len(before) : len(branch) - len(after)] if star else branch


def _release_candidates(component: _Component, policy: TagPolicy) -> Iterator[TagCandidate]:
    versions: dict[str, Version] = {}
    for ref in component.refs:
        if ref.startswith(TAGS):
            version = release_version(ref.removeprefix(TAGS), policy.releases)
            if version is not None:
                versions[ref] = version
    oldest_first = sorted(versions, key=lambda ref: (versions[ref], ref))
    for ref in oldest_first:
        yield component.candidate(ref.removeprefix(TAGS), "release", ref, is_firm=True)
    final = [ref for ref in oldest_first if not versions[ref].is_prerelease]
    if final and policy.latest:
        yield component.candidate("latest", "latest", final[-1])
    newest = {alias_of(shape, versions[ref]): ref for ref in final for shape in policy.aliases}
    for tag, ref in newest.items():
        yield component.candidate(tag, "alias", ref)


def alias_of(shape: str, version: Version) -> str:
    """Return an alias of a release: a shape such as `{X}.{Y}` with the parts of its version."""
    parts = {"{X}": version.major, "{Y}": version.minor, "{Z}": version.micro}
    return re.sub(r"\{[XYZ]\}", lambda match: str(parts[match.group()]), shape)


def _choose_candidates(
    image: Image, candidates: Iterable[TagCandidate]
) -> tuple[Iterable[TagCandidate], list[tuple[str, str]]]:
    """Return one candidate for each tag by the rank of its kind, and the refs without a tag."""
    by_tag: dict[str, TagCandidate] = {}
    omissions: list[tuple[str, str]] = []
    for candidate in sorted(candidates, key=lambda candidate: _RANK.index(candidate.kind)):
        if not is_tag(candidate.tag):
            omissions.append((candidate.ref, f"{candidate.tag!r} cannot be a tag in a registry"))
            continue
        winner = by_tag.setdefault(candidate.tag, candidate)
        if winner is candidate or (winner.ref, winner.stream) == (candidate.ref, candidate.stream):
            continue
        if winner.stream != candidate.stream and candidate.is_firm and winner.is_firm:
            raise InputError(
                f"{image.full_name} would get the tag {candidate.tag} twice:"
                f" from {_describe(winner)} and from {_describe(candidate)}",
                where=image.origin,
                hint="give one of the streams another tag, or narrow `tags:` of the namespace",
            )
        if candidate.ref:
            reason = f"the tag {candidate.tag} is made from {_describe(winner)}"
            omissions.append((candidate.ref, reason))
    return by_tag.values(), omissions


def _describe(candidate: TagCandidate) -> str:
    return f"stream {candidate.stream}" + (f" at {candidate.ref}" if candidate.ref else "")


def _planned_tag(image: Image, candidate: TagCandidate, lock: Lock) -> PlannedTag:
    name = untagged_name(image.reference)
    planned_tag = PlannedTag(
        image.full_name,
        candidate.stream,
        candidate.tag,
        f"{name}:{candidate.tag}",
        candidate.kind,
        candidate.kind in _FLOATING,
    )
    if candidate.source is None:
        return planned_tag
    locked_source = lock.sources.get((candidate.source.git, candidate.source.ref))
    # The lock knows the ref that images are built from, not every ref of the component.
    is_locked_ref = candidate.kind == "stream" or f"/{candidate.ref}".endswith(
        f"/{candidate.source.ref}"
    )
    return replace(
        planned_tag,
        git=candidate.source.git,
        ref=candidate.ref,
        commit=candidate.commit,
        locked=locked_source.commit if locked_source is not None and is_locked_ref else None,
    )


def _refuse_shared_tags(tags: Iterable[PlannedTag], origins: Mapping[str, Origin]) -> None:
    owners: dict[str, str] = {}
    for tag in tags:
        owner = owners.setdefault(tag.reference, tag.image)
        if owner != tag.image:
            raise InputError(
                f"{owner} and {tag.image} would both be published as {tag.reference}",
                where=origins.get(tag.image),
                hint="give one of them another repository in the registry",
            )


def _stream_position(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)
