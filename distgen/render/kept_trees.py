"""Keep rendered trees where a command looks at them several times, as far as memory allows."""

from __future__ import annotations

from distgen.model.catalogue import Image
from distgen.model.rendered import PrintedText, Tree
from distgen.render.annotate import Annotations
from distgen.render.linemap import Origins
from distgen.render.tree_renderer import TreeRenderer

MOST_BYTES = 64 * 2**20
"""The room for trees; those that have none are rendered again."""
_OBJECTS = 4096
"""What a tree takes beside the contents of its files."""


class KeptTrees:
    """A renderer that keeps the trees it renders first."""

    def __init__(self, renderer: TreeRenderer) -> None:
        self._renderer = renderer
        self._trees: dict[str, tuple[Image, Tree]] = {}
        self._room = MOST_BYTES

    def tree(self, image: Image) -> Tree:
        """Return the files of an image."""
        kept_image, tree = self._trees.get(image.key, (None, None))
        if tree is None or kept_image is not image:
            tree = self._renderer.tree(image)
            size = _OBJECTS + sum(len(file.content) for file in tree.files)
            if size <= self._room:
                self._room -= size
                self._trees[image.key] = (image, tree)
        return tree

    def line_map(self, image: Image, path: str) -> Origins:
        """Return for each line of a rendered file where it came from."""
        return self._renderer.line_map(image, path)

    def printed_text(self, image: Image, path: str) -> PrintedText:
        """Return what the expressions of a file print."""
        return self._renderer.printed_text(image, path)

    def annotate(self, image: Image, path: str) -> Annotations:
        """Return for each line of a rendered file what it is."""
        return self._renderer.annotate(image, path)

    def input_files(self, image: Image) -> tuple[str, ...]:
        """Return the paths of the files that an image is rendered from."""
        return self._renderer.input_files(image)
