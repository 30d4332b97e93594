"""Orders images so that parents come first, and selects them by patterns and by what they need."""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

from distgen.catalogue.cycles import refuse_cycles
from distgen.errors import InputError
from distgen.model.catalogue import Catalogue, Image
from distgen.model.reference import names_a_registry
from distgen.model.stored import ImageNode, image_nodes, images_by_key
from distgen.text.suggest import did_you_mean

Node = TypeVar("Node", bound=ImageNode)


def waves(images: Iterable[Node]) -> tuple[tuple[Node, ...], ...]:
    """Return images in steps, each sorted by key, with all their parents in earlier steps.

    Parents that are not among the images are not waited for. Raise InputError for a cycle.
    """
    by_key = {image.key: image for image in images}
    sorter = graphlib.TopologicalSorter(
        {
            key: [parent for parent in image.parent_keys if parent in by_key]
            for key, image in by_key.items()
        }
    )
    try:
        sorter.prepare()
    except graphlib.CycleError:
        refuse_cycles(by_key.values())
        raise
    steps = []
    while ready := sorter.get_ready():
        steps.append(tuple(by_key[key] for key in sorted(ready)))
        sorter.done(*ready)
    return tuple(steps)


def parents_first(images: Iterable[Node]) -> tuple[Node, ...]:
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


def with_ancestors(images: Mapping[str, ImageNode], keys: Iterable[str]) -> tuple[str, ...]:
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


def children_by_key(images: Iterable[ImageNode]) -> dict[str, list[str]]:
    """Return the keys of the images that are built on each one, parents without any left out."""
    children: dict[str, list[str]] = {}
    for image in images:
        for parent in image.parent_keys:
            children.setdefault(parent, []).append(image.key)
    return children


def including_parents(catalogue: Catalogue, keys: Iterable[str]) -> tuple[Image, ...]:
    """Return the images of these keys and all they build on, parents first."""
    nodes = {node.key: node for node in image_nodes(catalogue.images)}
    return _make_images(catalogue, nodes, with_ancestors(nodes, keys))


def including_dependents(catalogue: Catalogue, keys: Iterable[str]) -> tuple[Image, ...]:
    """Return the images of these keys and all that builds on them, parents first."""
    nodes = {node.key: node for node in image_nodes(catalogue.images)}
    return _make_images(catalogue, nodes, _with_dependents(nodes, keys))


def _with_dependents(nodes: Mapping[str, ImageNode], keys: Iterable[str]) -> tuple[str, ...]:
    children = children_by_key(nodes.values())
    return reachable(keys, lambda key: children.get(key, ()))


def _make_images(
    catalogue: Catalogue, nodes: Mapping[str, ImageNode], keys: Iterable[str]
) -> tuple[Image, ...]:
    """Return the images of these keys, in an order in which all that they build on is first."""
    chosen = {key for key in keys if key in nodes}
    images = images_by_key(catalogue.images)
    # What is not built on does not change the order.
    lines = sorted(key for key in with_ancestors(nodes, chosen) if key in nodes)
    order = parents_first(nodes[key] for key in lines)
    return tuple(images[node.key] for node in order if node.key in chosen)


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
    nodes = {node.key: node for node in image_nodes(catalogue.images)}
    matches: set[str] = set()
    for pattern in patterns:
        matches.update(_match(nodes.values(), pattern))
    keys = set(matches)
    if with_parents:
        keys.update(with_ancestors(nodes, matches))
    if with_dependents:
        keys.update(_with_dependents(nodes, matches))
    return _make_images(catalogue, nodes, keys)


def _match(images: Collection[ImageNode], pattern: str) -> list[str]:
    """Return the keys of the images that a pattern means."""
    host, slash, _ = pattern.partition("/")
    if slash and names_a_registry(host):
        return _match_reference(images, pattern)
    name, at, stream = pattern.partition("@")
    of_name = [image for image in images if fnmatchcase(image.full_name, name)]
    keys = [image.key for image in of_name if not at or fnmatchcase(_stream(image), stream)]
    if keys:
        return keys
    if of_name:
        streams = {_stream(image) for image in of_name}
        problem = f"no image that matches `{name}` has a stream `{stream}`"
        raise InputError(problem, hint=did_you_mean(stream, streams))
    names = {image.full_name for image in images}
    same_ending = sorted(full_name for full_name in names if full_name.partition("/")[2] == name)
    hint = f"did you mean `{same_ending[0]}`?" if same_ending else did_you_mean(name, names)
    raise InputError(f"no image matches `{name}`", hint=hint)


def _stream(image: ImageNode) -> str:
    return image.key.partition("@")[2]


def _match_reference(images: Iterable[ImageNode], pattern: str) -> list[str]:
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
