"""Drive the stages from left to right: catalogue and lock become trees, trees become findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from distgen import graph, linters, policy
from distgen.complete import completeness, read
from distgen.contents import contents
from distgen.dockerfile import Dockerfile, parse
from distgen.findings import in_order, with_origins
from distgen.model import Catalog, Finding, Image, Lock, Tree
from distgen.policy import Family
from distgen.render import Renderer


@dataclass(frozen=True)
class Work:
    """A catalogue with its lock, and the images to work on, parents first."""

    catalog: Catalog
    lock: Lock
    images: tuple[Image, ...]
    renderer: Renderer


def work(catalog: Catalog, lock: Lock, images: tuple[Image, ...]) -> Work:
    """Return the work to do on `images`; nothing is rendered yet."""
    return Work(catalog, lock, images, Renderer(catalog, lock))


def trees(task: Work) -> Iterator[Tree]:
    """Render image by image, in order; nothing is kept."""
    return map(task.renderer.tree, task.images)


def lint(task: Work) -> tuple[Finding, ...]:
    """Return everything that own rules and linters say, with the template line of each."""
    rendered = {image.key: task.renderer.tree(image) for image in with_ancestors(task)}
    chosen = {image.key: rendered[image.key] for image in task.images}
    own = check(task, rendered)
    return judged(task, (*own, *linters.lint(chosen.values())))


def check(task: Work, rendered: Mapping[str, Tree]) -> tuple[Finding, ...]:
    """Return what our own rules say of the work's images; `rendered` holds their ancestors too."""
    dockerfiles = parsed(rendered.values())
    family = Family({image.key: image for image in task.catalog.images}, dockerfiles)
    found: list[Finding] = []
    for image in task.images:
        tree = rendered[image.key]
        demands = task.catalog.namespaces[image.namespace].policy
        found.extend(completeness(image, tree, task.lock, dockerfiles))
        found.extend(policy.check(demands, image, tree, family))
        found.extend(contents(tree, dockerfiles.get(image.key), family.base(image)))
    return explained(task, found)


def explained(task: Work, found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Put what a source says of a file that is not there in place of our finding of the same."""
    keys = {image.key for image in task.images}
    said = [one for one in task.catalog.findings if f"{one.image}@{one.stream}" in keys]
    places = {(one.image, one.stream, one.path, one.line) for one in said}
    kept = (
        one
        for one in found
        if one.code != "DG106" or (one.image, one.stream, one.path, one.line) not in places
    )
    return (*kept, *said)


def judged(task: Work, found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Apply each namespace's policy, then give findings their places in the catalogue."""
    images = {image.key: image for image in task.images}
    by_namespace: dict[str, list[Finding]] = {}
    for finding in found:
        by_namespace.setdefault(finding.image.partition("/")[0], []).append(finding)
    kept = (
        finding
        for name, some in by_namespace.items()
        for finding in policy.apply(task.catalog.namespaces[name].policy, some)
    )
    return in_order(
        with_origins(kept, lambda key, path: task.renderer.line_map(images[key], path))
    )


def parsed(rendered: Iterable[Tree]) -> dict[str, Dockerfile]:
    """Return each tree's Dockerfile by key, parsed once."""
    texts = ((tree.key, read(tree)) for tree in rendered)
    return {key: parse(text) for key, text in texts if text is not None}


def with_ancestors(task: Work) -> tuple[Image, ...]:
    """Return the work's images and all they build on: rules look at what is inherited."""
    keys = {image.key for image in task.images}
    return tuple(graph.parents(task.catalog, keys))
