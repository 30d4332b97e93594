"""Drive the stages from left to right: catalogue and lock become trees, trees become findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial

from distgen.catalogue.graph import including_parents, with_ancestors
from distgen.dockerfile.filename import DOCKERFILE
from distgen.dockerfile.parse import Dockerfile, parse
from distgen.lint import policy
from distgen.lint.findings import in_order, with_origins
from distgen.lint.rules.context import ImageIndex, describe
from distgen.lint.ruleset import check_image
from distgen.lint.work import Work
from distgen.model.catalogue import Image
from distgen.model.rendered import Finding, Tree
from distgen.model.stored import images_by_key

Linters = Callable[[Iterable[Tree]], Iterable[Finding]]


def lint(work: Work, linters: Linters) -> tuple[Finding, ...]:
    """Return everything that the rules and `linters` say, with the template line of each."""
    findings: list[Finding] = []
    trees = _checked_trees(work, findings.extend)
    linting = linters(trees)  # they begin while trees are rendered and looked at
    for _ in trees:  # those who ask no linter look at none
        pass
    return apply_policies(work, (*findings, *linting))


def _checked_trees(work: Work, report: Callable[[Iterable[Finding]], None]) -> Iterator[Tree]:
    """Yield the tree of each image; what the rules say of it is reported. No tree is kept."""
    keys = {image.key for image in work.images}
    # Rules look at what an image inherits, so all that it builds on is rendered, too.
    images = including_parents(work.catalogue, keys)
    parents = {key for image in images for key in image.parent_keys}
    dockerfiles: dict[str, Dockerfile] = {}
    checks = _ImageChecks(work)
    for image in images:
        tree = work.renderer.tree(image)
        text = dockerfile_text(tree)
        if text is not None:
            dockerfiles[image.key] = parse(text)
        if image.key in keys:
            report(checks.check(image, tree, dockerfiles))
            yield tree
        if image.key not in parents:
            dockerfiles.pop(image.key, None)


def objection(work: Work) -> Callable[[Tree], str]:
    """Return a function that says why a tree must not be published, and how to see more."""
    describe_fault = fault(work)

    def describe_objection(tree: Tree) -> str:
        error = describe_fault(tree)
        return f"{error}; see `distgen lint {tree.image}`" if error else ""

    return describe_objection


def fault(work: Work) -> Callable[[Tree], str]:
    """Return a function that says what is wrong with a tree: its first error."""
    checks = _ImageChecks(work, only_errors=True)
    images = checks.images

    def read_dockerfile(tree: Tree) -> Dockerfile | None:
        text = dockerfile_text(tree)
        return None if text is None else parse(text)

    @cache
    def dockerfile_of_parent(key: str) -> Dockerfile | None:
        return read_dockerfile(work.renderer.tree(images[key]))

    def describe_fault(tree: Tree) -> str:
        alone = replace(work, images=(images[tree.key],))
        # Most images are nobody's parent, and nothing of them is kept.
        keys = [key for key in with_ancestors(images, [tree.key]) if key != tree.key]
        read = {tree.key: read_dockerfile(tree), **{key: dockerfile_of_parent(key) for key in keys}}
        dockerfiles = {key: file for key, file in read.items() if file is not None}
        findings = apply_policies(alone, checks.check(alone.images[0], tree, dockerfiles))
        errors = [finding for finding in findings if finding.level == "error"]
        if not errors:
            return ""
        first = errors[0]
        place = first.origin or f"{first.path}:{first.line}"
        more = f" (and {len(errors) - 1} more errors)" if len(errors) > 1 else ""
        return f"{place}: {first.code} {first.message}{more}"

    return describe_fault


class _ImageChecks:
    """What the rules say of the images of a catalogue, which is looked through once."""

    def __init__(self, work: Work, *, only_errors: bool = False) -> None:
        self.images = images_by_key(work.catalogue.images)
        self._work = work
        self._only_errors = only_errors
        self._reported: dict[str, list[Finding]] = {}
        for finding in work.catalogue.findings:
            self._reported.setdefault(f"{finding.image}@{finding.stream}", []).append(finding)

    def check(
        self, image: Image, tree: Tree, dockerfiles: Mapping[str, Dockerfile]
    ) -> tuple[Finding, ...]:
        """Return what the rules find; `dockerfiles` has those of the image and its ancestors."""
        work = self._work
        demands = work.catalogue.namespaces[image.namespace].policy
        notes = self._reported.get(image.key, ())
        index = ImageIndex(self.images, dockerfiles)
        context = describe(image, tree, index, work.lock, demands, notes)
        printed = partial(work.renderer.printed_text, image, DOCKERFILE)
        return tuple(check_image(replace(context, printed=printed), self._only_errors))


def apply_policies(work: Work, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Apply each namespace's policy, then give findings their places in the catalogue."""
    images = {image.key: image for image in work.images}
    by_namespace: dict[str, list[Finding]] = {}
    for finding in findings:
        by_namespace.setdefault(finding.image.partition("/")[0], []).append(finding)
    applied = (
        finding
        for name, members in by_namespace.items()
        for finding in policy.apply(work.catalogue.namespaces[name].policy, members)
    )
    line_map = work.renderer.line_map
    return in_order(with_origins(applied, lambda key, path: line_map(images[key], path)))


def dockerfile_text(tree: Tree) -> str | None:
    """Return the text of the tree's Dockerfile, None without one."""
    content = tree.content(DOCKERFILE)
    return None if content is None else content.decode("utf-8", "replace")
