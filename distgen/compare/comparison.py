"""Pair the trees of two states of a catalogue, image by image in build order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from distgen.catalogue.graph import select_images, waves
from distgen.errors import DistgenError, InputError
from distgen.lint.work import Work
from distgen.model.catalogue import Catalogue, Image
from distgen.model.rendered import Tree
from distgen.model.words import Origin


@dataclass(frozen=True, slots=True)
class Revision:
    """A state of the repository that holds the catalogue; `commit` None: nothing was there yet.

    `label` names it in messages, and `folder` is where the catalogue was below the top: "" or
    `images/`.
    """

    label: str
    commit: str | None = None
    folder: str = ""


@dataclass(frozen=True)
class Comparison:
    """The catalogue as it was at a revision, and as it is now, each with what renders it."""

    revision: Revision
    before: Work
    now: Work
    replaced: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The names of the sources that options of this run replaced, by the keys of images."""


@dataclass(frozen=True, slots=True)
class TreePair:
    """The trees of an image, None where it is not in the catalogue.

    `level` is the image's step of the build order: 0 for what builds on nothing of the catalogue.
    """

    key: str
    level: int
    before: Tree | None
    now: Tree | None

    @property
    def differs(self) -> bool:
        """Tell whether anything that is published differs."""
        return self.before != self.now


def pair_trees(comparison: Comparison, keys: Collection[str]) -> Iterator[TreePair]:
    """Render images of both states, one after the other in build order; nothing is kept."""
    before = {image.key: image for image in comparison.before.catalogue.images}
    now = {image.key: image for image in comparison.now.catalogue.images}
    for key, level in _levels(comparison).items():
        if key in keys:
            with naming_revision(comparison.revision):
                earlier_tree = _tree(comparison.before, before.get(key))
            yield TreePair(key, level, earlier_tree, _tree(comparison.now, now.get(key)))


def select_keys(comparison: Comparison, patterns: Sequence[str]) -> frozenset[str]:
    """Return the keys of the images of either state that patterns mean; no pattern means all."""
    before, now = comparison.before.catalogue, comparison.now.catalogue
    if not patterns:
        return frozenset(image.key for image in (*before.images, *now.images))
    return frozenset(key for pattern in patterns for key in _match(pattern, before, now))


@contextmanager
def naming_revision(revision: Revision, place: str = "") -> Iterator[None]:
    """Name the revision in errors of this block, as `main:overlays/ns/app.yaml:3`.

    `place` is the folder that its files are in for a while.
    """
    try:
        yield
    except DistgenError as error:
        where = error.where
        if isinstance(where, Origin) and not where.path.startswith("/"):
            where = replace(where, path=f"{revision.label}:{revision.folder}{where.path}")
        elif where is None or str(where) == place:
            where = revision.label
        else:
            where = f"{revision.label}: {where}"
        kind = InputError if isinstance(error, InputError) else DistgenError
        problem = error.problem.replace(place, revision.label) if place else error.problem
        hint = "this distgen cannot read the catalogue of then; name another revision"
        raise kind(problem, where=where, hint=hint) from None


def _levels(comparison: Comparison) -> Mapping[str, int]:
    """Return the step of each image in the build order of now, else of then; lowest first."""
    levels = {
        image.key: level
        for work in (comparison.before, comparison.now)
        for level, step in enumerate(waves(work.catalogue.images))
        for image in step
    }
    return {key: levels[key] for key in sorted(levels, key=lambda key: (levels[key], key))}


def _match(pattern: str, before: Catalogue, now: Catalogue) -> Iterator[str]:
    errors = []
    for catalogue in (now, before):
        try:
            yield from (image.key for image in select_images(catalogue, (pattern,)))
        except InputError as error:
            errors.append(error)
    if len(errors) == 2:
        raise errors[0]


def _tree(work: Work, image: Image | None) -> Tree | None:
    return None if image is None else work.renderer.tree(image)
