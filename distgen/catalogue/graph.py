"""Orders images so that parents come first, and chooses those that somebody asks for."""

from __future__ import annotations

import graphlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from distgen.catalogue.cycles import refuse_cycles
from distgen.errors import InputError
from distgen.model.catalogue import Catalogue, Image
from distgen.model.reference import names_a_registry
from distgen.text.suggest import did_you_mean


def waves(images: Iterable[Image]) -> tuple[tuple[Image, ...], ...]:
    """Return images in steps, each sorted by key, whose parents all stand in earlier steps.

    Parents that are not among the images are not waited for. Raise InputError for a cycle.
    """
    by_key = {image.key: image for image in images}
    refuse_cycles(by_key.values())
    edges = {key: [one for one in _above(image) if one in by_key] for key, image in by_key.items()}
    sorter = graphlib.TopologicalSorter(edges)
    sorter.prepare()
    steps = []
    while ready := sorter.get_ready():
        steps.append(tuple(by_key[key] for key in sorted(ready)))
        sorter.done(*ready)
    return tuple(steps)


def parents_first(images: Iterable[Image]) -> tuple[Image, ...]:
    """Return images with parents before children, otherwise by depth and key."""
    return tuple(image for step in waves(images) for image in step)


def including_parents(catalogue: Catalogue, keys: Iterable[str]) -> tuple[Image, ...]:
    """Return the images of these keys and all they build on, parents first."""
    return _closed(catalogue, keys, {image.key: _above(image) for image in catalogue.images})


def including_dependents(catalogue: Catalogue, keys: Iterable[str]) -> tuple[Image, ...]:
    """Return the images of these keys and all that builds on them, parents first."""
    below: dict[str, list[str]] = {image.key: [] for image in catalogue.images}
    for image in catalogue.images:
        for key in _above(image):
            below[key].append(image.key)
    return _closed(catalogue, keys, below)


def select_images(
    catalogue: Catalogue,
    patterns: Sequence[str],
    *,
    with_parents: bool = False,
    with_dependents: bool = False,
) -> tuple[Image, ...]:
    """Return the images that match any of the patterns, parents first; no pattern means all.

    A pattern is `namespace/name`, a glob, each with `@stream` (or a glob of streams) or without; or
    a reference `registry/repository:tag`, which means the image that is published as it, else the
    images that are built on it. Raise InputError for one that matches nothing.
    """
    if not patterns:
        return parents_first(catalogue.images)
    chosen: set[str] = set()
    for pattern in patterns:
        chosen.update(_matching(catalogue.images, pattern))
    keys = set(chosen)
    if with_parents:
        keys |= {image.key for image in including_parents(catalogue, chosen)}
    if with_dependents:
        keys |= {image.key for image in including_dependents(catalogue, chosen)}
    return tuple(image for image in parents_first(catalogue.images) if image.key in keys)


def _matching(images: Collection[Image], pattern: str) -> list[str]:
    host, slash, _ = pattern.partition("/")
    if slash and names_a_registry(host):
        return _referring(images, pattern)
    name, at, stream = pattern.partition("@")
    named = [image for image in images if fnmatchcase(image.full_name, name)]
    found = [image.key for image in named if not at or fnmatchcase(image.stream.name, stream)]
    if found:
        return found
    if named:
        streams = {image.stream.name for image in named}
        what = f"no image that matches `{name}` has a stream `{stream}`"
        raise InputError(what, hint=did_you_mean(stream, streams))
    known = {image.full_name for image in images}
    short = sorted(one for one in known if one.partition("/")[2] == name)
    hint = f"did you mean `{short[0]}`?" if short else did_you_mean(name, known)
    raise InputError(f"no image matches `{name}`", hint=hint)


def _referring(images: Iterable[Image], pattern: str) -> list[str]:
    """Return the images published as a reference, or built on one that is not of the catalogue."""
    own: dict[str, list[str]] = {}
    outside: dict[str, list[str]] = {}
    for image in images:
        own.setdefault(image.reference, []).append(image.key)
        for parent in image.parents:
            if not parent.image:
                outside.setdefault(parent.reference, []).append(image.key)
    for known in (own, outside):
        if found := [key for text in known if fnmatchcase(text, pattern) for key in known[text]]:
            return found
    hint = did_you_mean(pattern, {*own, *outside})
    raise InputError(f"no image is published as `{pattern}` or built on it", hint=hint)


def _above(image: Image) -> list[str]:
    return [parent.image for parent in image.parents if parent.image]


def _closed(
    catalogue: Catalogue, keys: Iterable[str], edges: Mapping[str, Iterable[str]]
) -> tuple[Image, ...]:
    found: set[str] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting.extend(edges.get(key, ()))
    return parents_first(image for image in catalogue.images if image.key in found)
