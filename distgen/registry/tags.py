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


@dataclass(frozen=True, slots=True)
class PlannedTag:
    """One tag of one image: what it is called and from which commit of the component it is built.

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
class LeftOut:
    """A ref of a component that gives no tag, and why."""

    image: str
    ref: str
    reason: str


@dataclass(frozen=True, slots=True)
class TagPlan:
    """The tags of all images, sorted by reference, and what was left out."""

    tags: tuple[PlannedTag, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wish:
    tag: str
    kind: Kind
    stream: str
    source: Source | None = None
    ref: str = ""
    commit: str | None = None
    tied: bool = False
    """Whether the catalogue or a release says so, rather than a rule that may give way."""


def plan(
    images: Sequence[Image],
    namespaces: Mapping[str, Namespace],
    refs: Mapping[str, Refs],
    lock: Lock,
) -> TagPlan:
    """Plan the tags of images; `refs` are those of their components by git URL.

    Raises InputError when two streams, or two images of one repository, want the same tag.
    """
    planned: list[PlannedTag] = []
    left_out: list[LeftOut] = []
    names = sorted({image.full_name for image in images})
    for name in names:
        streams = [image for image in images if image.full_name == name]
        namespace = namespaces[streams[0].namespace]
        order = [stream.name for stream in namespace.streams]
        streams.sort(key=lambda image: _position(order, image.stream.name))
        tags, skipped = _of_image(streams, namespace.tags, refs, lock)
        planned += tags
        left_out += [LeftOut(name, ref, reason) for ref, reason in skipped]
    _refuse_shared(planned, {image.full_name: image.origin for image in images})
    return TagPlan(tuple(sorted(planned, key=lambda tag: tag.reference)), tuple(left_out))


def component(image: Image, policy: TagPolicy) -> Source | None:
    """Return the source whose releases and branches are the image's, None without sources."""
    wanted = policy.component or image.name
    named = [source for source in image.sources if source.name == wanted]
    return next(iter([*named, *image.sources]), None)


def _of_image(
    streams: Sequence[Image], policy: TagPolicy, refs: Mapping[str, Refs], lock: Lock
) -> tuple[list[PlannedTag], list[tuple[str, str]]]:
    wishes = list(_declared(streams, policy, refs))
    source = component(streams[0], policy)
    there = refs.get(source.git, {}) if source is not None else {}
    builders = {_ref_of(image, policy, there): image.stream.name for image in reversed(streams)}
    first = streams[0].stream.name
    if source is not None:
        wishes += _branches(source, policy, there, builders, first)
        wishes += _releases(source, policy, there, builders, first)
    wishes += [_Wish(tag, "promoted", first) for tag in policy.promoted]
    return _settle(streams[0], wishes, lock)


def _declared(
    streams: Sequence[Image], policy: TagPolicy, refs: Mapping[str, Refs]
) -> Iterator[_Wish]:
    for image in streams:
        source = component(image, policy)
        for tag in image.stream.tags:
            if source is None:
                yield _Wish(tag, "stream", image.stream.name, tied=True)
                continue
            there = refs.get(source.git, {})
            ref = full_ref(source.ref, there) or source.ref
            commit = ref if is_commit_id(ref) else there.get(ref)
            yield _Wish(tag, "stream", image.stream.name, source, ref, commit, True)


def _ref_of(image: Image, policy: TagPolicy, there: Refs) -> str:
    source = component(image, policy)
    return (full_ref(source.ref, there) or source.ref) if source is not None else ""


def _branches(
    source: Source, policy: TagPolicy, there: Refs, builders: Mapping[str, str], first: str
) -> Iterator[_Wish]:
    """Wish for a tag per branch; for a closed series, from the git tag that closed it."""
    found: dict[str, str] = {}
    for pattern in policy.branches:
        for ref in sorted(there):
            if ref.startswith(HEADS) and fnmatchcase(ref.removeprefix(HEADS), pattern):
                found.setdefault(_starred(ref.removeprefix(HEADS), pattern), ref)
    for suffix in (
        CLOSED_SERIES_SUFFIXES if any("*" in pattern for pattern in policy.branches) else ()
    ):
        for ref in sorted(there):
            if ref.startswith(TAGS) and ref.endswith(suffix):
                found.setdefault(ref.removeprefix(TAGS).removesuffix(suffix), ref)
    for tag, ref in found.items():
        stream = builders.get(ref, first)
        yield _Wish(tag, "branch", stream, source, ref, there[ref], ref in builders)


def _starred(branch: str, pattern: str) -> str:
    before, star, after = pattern.partition("*")
    return branch[len(before) : len(branch) - len(after)] if star else branch


def _releases(
    source: Source, policy: TagPolicy, there: Refs, builders: Mapping[str, str], first: str
) -> Iterator[_Wish]:
    versions: dict[str, Version] = {}
    for ref in there:
        if ref.startswith(TAGS):
            version = release_version(ref.removeprefix(TAGS), policy.releases)
            if version is not None:
                versions[ref] = version
    ordered = sorted(versions, key=lambda ref: (versions[ref], ref))

    def wish(tag: str, kind: Kind, ref: str) -> _Wish:
        stream, tied = builders.get(ref, first), kind == "release"
        return _Wish(tag, kind, stream, source, ref, there[ref], tied)

    for ref in ordered:
        yield wish(ref.removeprefix(TAGS), "release", ref)
    final = [ref for ref in ordered if not versions[ref].is_prerelease]
    if final and policy.latest:
        yield wish("latest", "latest", final[-1])
    newest = {_alias(shape, versions[ref]): ref for ref in final for shape in policy.aliases}
    for tag, ref in newest.items():
        yield wish(tag, "alias", ref)


def _alias(shape: str, version: Version) -> str:
    parts = {"{X}": version.major, "{Y}": version.minor, "{Z}": version.micro}
    return re.sub(r"\{[XYZ]\}", lambda match: str(parts[match.group()]), shape)


def _settle(
    image: Image, wishes: Sequence[_Wish], lock: Lock
) -> tuple[list[PlannedTag], list[tuple[str, str]]]:
    """Give each tag to one wish: what was declared, then releases, branches and moving tags."""
    taken: dict[str, _Wish] = {}
    skipped: list[tuple[str, str]] = []
    for wish in sorted(wishes, key=lambda one: _RANK.index(one.kind)):
        if not is_tag(wish.tag):
            skipped.append((wish.ref, f"{wish.tag!r} cannot be a tag in a registry"))
            continue
        other = taken.setdefault(wish.tag, wish)
        if other is wish or (other.ref, other.stream) == (wish.ref, wish.stream):
            continue
        if other.stream != wish.stream and wish.tied and other.tied:
            raise InputError(
                f"{image.full_name} would get the tag {wish.tag} twice:"
                f" from {_name(other)} and from {_name(wish)}",
                where=image.origin,
                hint="give one of the streams another tag, or narrow `tags:` of the namespace",
            )
        if wish.ref:
            skipped.append((wish.ref, f"the tag {wish.tag} is made from {_name(other)}"))
    return [_planned(image, wish, lock) for wish in taken.values()], skipped


def _name(wish: _Wish) -> str:
    return f"stream {wish.stream}" + (f" at {wish.ref}" if wish.ref else "")


def _planned(image: Image, wish: _Wish, lock: Lock) -> PlannedTag:
    name = untagged_name(image.reference)
    made = PlannedTag(
        image.full_name,
        wish.stream,
        wish.tag,
        f"{name}:{wish.tag}",
        wish.kind,
        wish.kind in _FLOATING,
    )
    if wish.source is None:
        return made
    locked = lock.sources.get((wish.source.git, wish.source.ref))
    meant = wish.kind == "stream" or wish.ref.endswith(f"/{wish.source.ref}")
    return replace(
        made,
        git=wish.source.git,
        ref=wish.ref,
        commit=wish.commit,
        locked=locked.commit if locked is not None and meant else None,
    )


def _refuse_shared(planned: Iterable[PlannedTag], origins: Mapping[str, Origin]) -> None:
    owners: dict[str, str] = {}
    for tag in planned:
        owner = owners.setdefault(tag.reference, tag.image)
        if owner != tag.image:
            raise InputError(
                f"{owner} and {tag.image} would both be published as {tag.reference}",
                where=origins.get(tag.image),
                hint="give one of them another repository in the registry",
            )


def _position(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)
