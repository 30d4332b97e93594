"""Turns an image and the lock into the names its templates see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distgen.model.catalogue import Image, Parent
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

    `image` is the full name of an image of the catalogue, None for others.
    """

    reference: str
    name: str
    tag: str
    digest: str | None
    image: str | None


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Each of `sources`: `checkout` is the locked commit, or the ref when there is none."""

    git: str
    ref: str
    commit: str | None
    date: str | None
    version: str | None
    checkout: str


@dataclass(frozen=True, slots=True)
class DownloadFacts:
    """Each of `downloads`: `sha256` is None when the lock does not hold it."""

    url: str
    sha256: str | None


EITHER = frozenset({"osbs"})
"""Downstreams whose FROM takes a tag or a digest, not both: osbs-client, `ImageName.parse`."""

RECORDS = (ImageFacts, ParentFacts, SourceFacts, DownloadFacts)


def facts(image: Image, lock: Lock, exports: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what templates see of an image besides its values.

    `exports` are its downstreams, some of which do not understand tag and digest at once.
    """
    either = not EITHER.isdisjoint(exports)
    parents = {parent.role: _parent(parent, lock, either) for parent in image.parents}
    seen: dict[str, Any] = {
        "image": _image(image, exports),
        "builders": {role: parent for role, parent in parents.items() if role != "base"},
        "sources": {source.name: _source(source.git, source.ref, lock) for source in image.sources},
        "downloads": {
            download.name: DownloadFacts(download.url, lock.downloads.get(download.url))
            for download in image.downloads
        },
    }
    if "base" in parents:
        seen["base"] = parents["base"]
    return seen


def bases(image: Image, lock: Lock) -> Mapping[str, str | None]:
    """Return the digest of each parent by its public reference; None where there is none."""
    return {
        parent.reference: digest(parent, lock)
        for parent in image.parents
        if parent.reference != "scratch"
    }


def digest(parent: Parent, lock: Lock) -> str | None:
    """Return the digest of a parent, written in its reference or known to the lock."""
    _, _, written = split_reference(parent.reference)
    locked = lock.bases.get(parent.reference)
    return written or (locked.digest if locked else None)


def _image(image: Image, exports: tuple[str, ...]) -> ImageFacts:
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


def _parent(parent: Parent, lock: Lock, either: bool) -> ParentFacts:
    name, tag, _ = split_reference(parent.reference)
    known = digest(parent, lock)
    written = parent.reference
    if known and (either or "@" not in written):
        written = f"{name if either else written}@{known}"
    image = parent.image.partition("@")[0] if parent.image else None
    return ParentFacts(written, name, tag, known, image)


def _source(git: str, ref: str, lock: Lock) -> SourceFacts:
    locked = lock.sources.get((git, ref))
    if locked is None:
        return SourceFacts(git, ref, None, None, None, ref)
    return SourceFacts(git, ref, locked.commit, locked.date, locked.version, locked.commit)
