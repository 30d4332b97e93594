"""Orders images so that parents come first, and selects them by patterns and by what they need."""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from distgen.catalogue.cycles import refuse_cycles
from distgen.errors import InputError
from distgen.model.catalogue import Catalogue, Image
from distgen.model.reference import names_a_registry
from distgen.text.suggest import did_you_mean


def waves(images: Iterable[Image]) -> tuple[tuple[Image, ...], ...]:
    """Return images in steps, each sorted by key, with all their parents in earlier steps.

    Parents that are not among the images are not waited for. Raise InputError for a cycle.
    """
    by_key = {image.key: image for image in images}
    refuse_cycles(by_key.values())
    sorter = graphlib.TopologicalSorter(
        {
            key: [parent for parent in image.parent_keys if parent in by_key]
            for key, image in by_key.items()
        }
    )
    sorter.prepare()
    steps = []
    while ready := sorter.get_ready():
        steps.append(tuple(by_key[key] for key in sorted(ready)))
        sorter.done(*ready)
    return tuple(steps)


def parents_first(images: Iterable[Image]) -> tuple[Image, ...]:
    """Return images with parents before children, otherwise by depth and key."""
    return tuple(image for step in waves(images) for image in step)


def reachable(starts: Iterable[str], next_nodes: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    """Return the nodes that these lead to, themselves included: each once, nearest first."""
    nodes = dict.fromkeys(starts)
    ahead = list(nodes)
    for node in ahead:
        for neighbour in next_nodes(node):
            if neighbour not in nodes:
                nodes[neighbour] = None
                ahead.append(neighbour)
    return tuple(nodes)


def with_ancestors(images: Mapping[str, Image], keys: Iterable[str]) -> tuple[str, ...]:
    """Return the keys and those of all that these images build on, nearest first."""
    return reachable(keys, lambda key: images[key].parent_keys if key in images else ())


def base_chain(images: Mapping[str, Image], image: Image) -> tuple[Image, ...]:
    """Return an image, its base, the base of that, and so on up to the last one in `images`."""
    chain = {image.key: image}

    def base_key(key: str) -> tuple[str, ...]:
        base = chain[key].base
        if base is None or base.image is None or base.image not in images:
            return ()
        chain.setdefault(base.image, images[base.image])
        return (base.image,)

    return tuple(chain[key] for key in reachable([image.key], base_key))


def children_by_key(images: Iterable[Image]) -> dict[str, list[str]]:
    """Return the keys of the images that are built on each one, parents without any left out."""
    children: dict[str, list[str]] = {}
    for image in images:
        for parent in image.parent_keys:
            children.setdefault(parent, []).append(image.key)
    return children


def including_parents(catalogue: Catalogue, keys: Iterable[str]) -> tuple[Image, ...]:
    """Return the images of these keys and all they build on, parents first."""
    by_key = {image.key: image for image in catalogue.images}
    chosen = set(with_ancestors(by_key, keys))
    return parents_first(image for image in catalogue.images if image.key in chosen)


def including_dependents(catalogue: Catalogue, keys: Iterable[str]) -> tuple[Image, ...]:
    """Return the images of these keys and all that builds on them, parents first."""
    children = children_by_key(catalogue.images)
    chosen = set(reachable(keys, lambda key: children.get(key, ())))
    return parents_first(image for image in catalogue.images if image.key in chosen)


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
    matches: set[str] = set()
    for pattern in patterns:
        matches.update(_match(catalogue.images, pattern))
    keys = set(matches)
    if with_parents:
        keys |= {image.key for image in including_parents(catalogue, matches)}
    if with_dependents:
        keys |= {image.key for image in including_dependents(catalogue, matches)}
    return tuple(image for image in parents_first(catalogue.images) if image.key in keys)


def _match(images: Collection[Image], pattern: str) -> list[str]:
    """Return the keys of the images that a pattern means."""
    host, slash, _ = pattern.partition("/")
    if slash and names_a_registry(host):
        return _match_reference(images, pattern)
    name, at, stream = pattern.partition("@")
    of_name = [image for image in images if fnmatchcase(image.full_name, name)]
    keys = [image.key for image in of_name if not at or fnmatchcase(image.stream.name, stream)]
    if keys:
        return keys
    if of_name:
        streams = {image.stream.name for image in of_name}
        problem = f"no image that matches `{name}` has a stream `{stream}`"
        raise InputError(problem, hint=did_you_mean(stream, streams))
    names = {image.full_name for image in images}
    same_ending = sorted(full_name for full_name in names if full_name.partition("/")[2] == name)
    hint = f"did you mean `{same_ending[0]}`?" if same_ending else did_you_mean(name, names)
    raise InputError(f"no image matches `{name}`", hint=hint)


def _match_reference(images: Iterable[Image], pattern: str) -> list[str]:
    """Return the images published as a reference, or built on one that is not of the catalogue."""
    published_as: dict[str, list[str]] = {}
    built_on: dict[str, list[str]] = {}
    for image in images:
        published_as.setdefault(image.reference, []).append(image.key)
        for parent in image.parents:
            if not parent.image:
                built_on.setdefault(parent.reference, []).append(image.key)
    for by_reference in (published_as, built_on):
        references = [text for text in by_reference if fnmatchcase(text, pattern)]
        if references:
            return [key for text in references for key in by_reference[text]]
    hint = did_you_mean(pattern, {*published_as, *built_on})
    raise InputError(f"no image is published as `{pattern}` or built on it", hint=hint)
