"""Put the mirrors of a closed network in the place of the names that the catalogue and lock use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from distgen.model.catalogue import Catalogue, Image, Parent, Source
from distgen.model.lock import Lock
from distgen.model.reference import mirror_of, parse_reference

SCRATCH = "scratch"


def apply_mirrors(catalogue: Catalogue, lock: Lock) -> tuple[Catalogue, Lock]:
    """Return catalogue and lock with every parent and source at its address on this network.

    The lock on the disk keeps the public names, and so do the images themselves.
    """
    registries = catalogue.mirrors.get("registries", {})
    gits = catalogue.mirrors.get("git", {})
    if not registries and not gits:
        return catalogue, lock
    images = tuple(_image(image, registries, gits) for image in catalogue.images)
    lock_here = Lock(
        {reference_here(name, registries): base for name, base in lock.bases.items()},
        {(git_here(git, gits), ref): source for (git, ref), source in lock.sources.items()},
        lock.downloads,
        lock.tags,
    )
    return replace(catalogue, images=images), lock_here


def reference_here(reference: str, mirrors: Mapping[str, str]) -> str:
    """Return a reference as a FROM names it here."""
    if reference == SCRATCH:
        return reference
    return str(mirror_of(parse_reference(reference), mirrors)).removeprefix("http://")


def git_here(url: str, mirrors: Mapping[str, str]) -> str:
    """Return the address of a repository here: the longest matching prefix is replaced."""
    for prefix in sorted(mirrors, key=len, reverse=True):
        if url.startswith(prefix):
            return mirrors[prefix] + url.removeprefix(prefix)
    return url


def _image(image: Image, registries: Mapping[str, str], gits: Mapping[str, str]) -> Image:
    return replace(
        image,
        parents=tuple(_parent(parent, registries) for parent in image.parents),
        sources=tuple(_source(source, gits) for source in image.sources),
    )


def _source(source: Source, mirrors: Mapping[str, str]) -> Source:
    changes = tuple(replace(change, git=git_here(change.git, mirrors)) for change in source.changes)
    return replace(source, git=git_here(source.git, mirrors), changes=changes)


def _parent(parent: Parent, registries: Mapping[str, str]) -> Parent:
    return replace(parent, reference=reference_here(parent.reference, registries))
