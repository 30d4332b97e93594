"""Turn an image and the lock into the names that its templates see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from distgen.git.refs import is_commit_id
from distgen.model.catalogue import Image, Parent, Source, SourceChange
from distgen.model.lock import Lock
from distgen.model.reference import split_reference


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """`image`: the image that is rendered; `tag` is the first of `tags`."""

    name: str
    namespace: str
    full_name: str
    stream: str
    branch: str
    tag: str
    tags: tuple[str, ...]
    reference: str
    description: str
    template: str
    url: str
    exports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParentFacts:
    """`base` and each of `builders`: `reference` is what FROM says, `digest` None when unpinned.

    `image` is the full name of an image of the catalogue, None for others. `component` tells for
    the base whether it has sources, or is built on an image of the catalogue that has.
    """

    reference: str
    name: str
    tag: str
    digest: str | None
    image: str | None
    component: bool = False


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """Each of `sources.NAME.changes`; `commit` is None where nothing says it."""

    git: str
    ref: str
    commit: str | None


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Each of `sources`: `checkout` is the locked commit, or the ref when there is none.

    `revision` is a commit, None where only a branch or tag is known, and with `changes`, which are
    to be merged into it in their order; `url` is `git` for labels and pages: without a user, and
    without what follows a question mark.
    """

    git: str
    ref: str
    commit: str | None
    date: str | None
    version: str | None
    checkout: str
    revision: str | None
    url: str
    changes: tuple[ChangeFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class DownloadFacts:
    """Each of `downloads`: `sha256` is None when the lock does not hold it."""

    url: str
    sha256: str | None


TAG_OR_DIGEST = frozenset({"osbs"})
"""Downstreams whose FROM takes a tag or a digest, not both: osbs-client, `ImageName.parse`."""
TAG_ALONE = frozenset({"bashbrew"})
"""Downstreams that follow images by their tags, and know none by its digest."""

RECORDS = (ImageFacts, ParentFacts, SourceFacts, ChangeFacts, DownloadFacts)


def template_context(
    image: Image, lock: Lock, exports: tuple[str, ...] = (), has_component_below: bool = False
) -> dict[str, Any]:
    """Return what templates see of an image besides its values.

    `exports` are its downstreams, some of which do not understand tag and digest at once. The base
    has a component where `has_component_below`.
    """
    parents = {parent.role: _parent_facts(parent, lock, exports) for parent in image.parents}
    names: dict[str, Any] = {
        "image": _image_facts(image, exports),
        "builders": {role: parent for role, parent in parents.items() if role != "base"},
        "sources": {source.name: _source_facts(source, lock) for source in image.sources},
        "downloads": {
            download.name: DownloadFacts(download.url, lock.downloads.get(download.url))
            for download in image.downloads
        },
    }
    if "base" in parents:
        names["base"] = replace(parents["base"], component=has_component_below)
    return names


def base_digests(image: Image, lock: Lock) -> Mapping[str, str | None]:
    """Return the digest of each parent by its public reference; None where there is none."""
    return {
        parent.reference: parent_digest(parent, lock)
        for parent in image.parents
        if parent.reference != "scratch"
    }


def parent_digest(parent: Parent, lock: Lock) -> str | None:
    """Return the digest of a parent, from its reference or from the lock."""
    _, _, digest = split_reference(parent.reference)
    entry = lock.bases.get(parent.reference)
    return digest or (entry.digest if entry else None)


def _image_facts(image: Image, exports: tuple[str, ...]) -> ImageFacts:
    return ImageFacts(
        name=image.name,
        namespace=image.namespace,
        full_name=image.full_name,
        stream=image.stream.name,
        branch=image.stream.branch,
        tag=image.stream.tags[0] if image.stream.tags else "",
        tags=image.stream.tags,
        reference=image.reference,
        description=image.description,
        template=image.template,
        url=image.url,
        exports=exports,
    )


def _parent_facts(parent: Parent, lock: Lock, exports: tuple[str, ...]) -> ParentFacts:
    no_tag, no_digest = (not words.isdisjoint(exports) for words in (TAG_OR_DIGEST, TAG_ALONE))
    name, tag, _ = split_reference(parent.reference)
    digest = parent_digest(parent, lock)
    reference = parent.reference
    if digest and no_digest and tag:
        reference = f"{name}:{tag}"
    elif digest and (no_tag or "@" not in reference):
        reference = f"{name if no_tag else reference}@{digest}"
    image = parent.image.partition("@")[0] if parent.image else None
    return ParentFacts(reference, name, tag, digest, image)


def _source_facts(source: Source, lock: Lock) -> SourceFacts:
    entry = lock.sources.get((source.git, source.ref))
    commit = entry.commit if entry else None
    pinned = commit or (source.ref if is_commit_id(source.ref) else None)
    return SourceFacts(
        git=source.git,
        ref=source.ref,
        commit=commit,
        date=entry.date if entry else None,
        version=entry.version if entry else None,
        checkout=commit or source.ref,
        revision=None if source.changes else pinned,
        url=_without_user(source.git),
        changes=tuple(_change_facts(change, lock) for change in source.changes),
    )


def _change_facts(change: SourceChange, lock: Lock) -> ChangeFacts:
    entry = lock.sources.get((change.git, change.ref))
    return ChangeFacts(change.git, change.ref, change.commit or (entry.commit if entry else None))


def _without_user(git: str) -> str:
    scheme, separator, rest = git.partition("://")
    if separator:
        host, slash, path = rest.partition("?")[0].partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    host, colon, path = git.partition(":")
    # A path of this machine may hold an @ and a colon as well.
    return f"{host.rpartition('@')[2]}:{path}" if colon and "/" not in host else git
