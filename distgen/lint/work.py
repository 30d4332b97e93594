"""The images that a command works on, with what it needs to render them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock
from distgen.model.rendered import Tree

if TYPE_CHECKING:
    from distgen.render.tree_renderer import TreeRenderer


@dataclass(frozen=True)
class Work:
    """A catalogue with its lock, and the images to work on, parents first."""

    catalogue: Catalogue
    lock: Lock
    images: tuple[Image, ...]
    renderer: TreeRenderer


def plan_work(
    catalogue: Catalogue,
    lock: Lock,
    images: tuple[Image, ...],
    renderer: TreeRenderer | None = None,
) -> Work:
    """Return the work to do on `images`; nothing is rendered yet.

    Without a `renderer` that holds limits, templates may use all there is.
    """
    if renderer is None:
        from distgen.render.renderer import Renderer

        renderer = Renderer(catalogue, lock)
    return Work(catalogue, lock, images, renderer)


def render_trees(work: Work) -> Iterator[Tree]:
    """Render image by image, in order; nothing is kept."""
    return map(work.renderer.tree, work.images)
