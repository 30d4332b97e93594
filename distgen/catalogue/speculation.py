"""A catalogue as one run sees it: some sources of images may be replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distgen.model.catalogue import Catalogue, Image
from distgen.model.rendered import Tree
from distgen.model.stored import images_by_key

if TYPE_CHECKING:
    from distgen.catalogue.zuul_items import ZuulItem


@dataclass(frozen=True, slots=True)
class Speculation:
    """A catalogue with sources replaced, and the keys of the images that have such a source.

    `items` are those of Zuul, and `originals` the images as the catalogue has them.
    """

    catalogue: Catalogue
    images: tuple[str, ...] = ()
    elsewhere: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Where else a change may be found: other repositories by (git, ref)."""
    items: tuple[ZuulItem, ...] = ()
    originals: tuple[Image, ...] = ()
    replaced: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The names of the sources that were replaced, by the keys of their images."""


def publishing_refusal(speculation: Speculation) -> Callable[[Tree], str]:
    """Return a function that says why a tree with replaced sources must not be published."""
    images = images_by_key(speculation.catalogue.images)

    def refuse(tree: Tree) -> str:
        if tree.key not in speculation.images or images[tree.key].stream.speculative:
            return ""
        return (
            "its sources were replaced for this run, and its stream is maintained;"
            " publish to a stream that is `speculative: true`"
        )

    return refuse
