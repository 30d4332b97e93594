"""Drive the stages from left to right: catalogue and lock become trees, trees become findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from distgen.catalogue.graph import including_parents, with_ancestors
from distgen.dockerfile.parse import Dockerfile, parse
from distgen.lint.findings import in_order, with_origins
from distgen.lint.rules import namespace
from distgen.lint.rules.files import contents
from distgen.lint.rules.image import ImageIndex
from distgen.lint.rules.resolved import completeness, read
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock
from distgen.model.rendered import Finding, Tree
from distgen.render.renderer import Renderer

Linters = Callable[[Iterable[Tree]], Iterable[Finding]]


@dataclass(frozen=True)
class Work:
    """A catalogue with its lock, and the images to work on, parents first."""

    catalogue: Catalogue
    lock: Lock
    images: tuple[Image, ...]
    renderer: Renderer


def work(catalogue: Catalogue, lock: Lock, images: tuple[Image, ...]) -> Work:
    """Return the work to do on `images`; nothing is rendered yet."""
    return Work(catalogue, lock, images, Renderer(catalogue, lock))


def trees(task: Work) -> Iterator[Tree]:
    """Render image by image, in order; nothing is kept."""
    return map(task.renderer.tree, task.images)


def lint(task: Work, linters: Linters) -> tuple[Finding, ...]:
    """Return everything that own rules and `linters` say, with the template line of each."""
    # Rules look at what an image inherits, so all that it builds on is rendered, too.
    inherited = including_parents(task.catalogue, {image.key for image in task.images})
    rendered = {image.key: task.renderer.tree(image) for image in inherited}
    chosen = {image.key: rendered[image.key] for image in task.images}
    own = check(task, rendered, parsed(rendered.values()))
    return judged(task, (*own, *linters(chosen.values())))


def objection(task: Work) -> Callable[[Tree], str]:
    """Return a function that says why a tree must not be published, and how to see more."""
    find = fault(task)

    def object_to(tree: Tree) -> str:
        why = find(tree)
        return f"{why}; see `distgen lint {tree.image}`" if why else ""

    return object_to


def fault(task: Work) -> Callable[[Tree], str]:
    """Return a function that says what is wrong with a tree: its first error."""
    images = {image.key: image for image in task.catalogue.images}

    @cache
    def dockerfile(key: str) -> Dockerfile | None:
        text = read(task.renderer.tree(images[key]))
        return None if text is None else parse(text)

    def find(tree: Tree) -> str:
        alone = replace(task, images=(images[tree.key],))
        above = {key: dockerfile(key) for key in with_ancestors(images, [tree.key])}
        family = {key: one for key, one in above.items() if one is not None}
        found = judged(alone, check(alone, {tree.key: tree}, family))
        errors = [finding for finding in found if finding.level == "error"]
        if not errors:
            return ""
        first = errors[0]
        place = first.origin or f"{first.path}:{first.line}"
        more = f" (and {len(errors) - 1} more errors)" if len(errors) > 1 else ""
        return f"{place}: {first.code} {first.message}{more}"

    return find


def check(
    task: Work, rendered: Mapping[str, Tree], dockerfiles: Mapping[str, Dockerfile]
) -> tuple[Finding, ...]:
    """Return what our own rules say of the work's images; dockerfiles are their ancestors' too."""
    family = ImageIndex({image.key: image for image in task.catalogue.images}, dockerfiles)
    found: list[Finding] = []
    for image in task.images:
        tree = rendered[image.key]
        demands = task.catalogue.namespaces[image.namespace].policy
        found.extend(completeness(image, tree, task.lock, dockerfiles))
        found.extend(namespace.check(demands, image, tree, family))
        found.extend(contents(tree, dockerfiles.get(image.key), family.base(image)))
    return explained(task, found)


def explained(task: Work, found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Put what a source says of a file that is not there in place of our finding of the same."""
    keys = {image.key for image in task.images}
    said = [one for one in task.catalogue.findings if f"{one.image}@{one.stream}" in keys]
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
        for finding in namespace.apply(task.catalogue.namespaces[name].policy, some)
    )
    return in_order(with_origins(kept, lambda key, path: task.renderer.line_map(images[key], path)))


def parsed(rendered: Iterable[Tree]) -> dict[str, Dockerfile]:
    """Return each tree's Dockerfile by key, parsed once."""
    texts = ((tree.key, read(tree)) for tree in rendered)
    return {key: parse(text) for key, text in texts if text is not None}
