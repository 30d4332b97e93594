"""Begin to render only when a tree is asked for: most runs find all branches as they should be."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock
from distgen.model.rendered import PrintedText, Tree

if TYPE_CHECKING:
    from distgen.render.annotate import Annotations
    from distgen.render.limited import LimitedRenderer
    from distgen.render.linemap import Origins


class LateRenderer:
    """Is a LimitedRenderer from the first question on; threads may share it."""

    def __init__(
        self, catalogue: Catalogue, lock: Lock, stop: threading.Event | None = None
    ) -> None:
        self._words = (catalogue, lock, stop)
        self._lock = threading.Lock()
        self._renderer: LimitedRenderer | None = None

    def tree(self, image: Image) -> Tree:
        """Return the files of an image."""
        return self._start_renderer().tree(image)

    def line_map(self, image: Image, path: str) -> Origins:
        """Return for each line of a rendered file where it came from."""
        return self._start_renderer().line_map(image, path)

    def printed_text(self, image: Image, path: str) -> PrintedText:
        """Return what the expressions of a file print."""
        return self._start_renderer().printed_text(image, path)

    def annotate(self, image: Image, path: str) -> Annotations:
        """Return for each line of a rendered file what it is."""
        return self._start_renderer().annotate(image, path)

    def input_files(self, image: Image) -> tuple[str, ...]:
        """Return the paths of the files that an image is rendered from."""
        return self._start_renderer().input_files(image)

    def _start_renderer(self) -> LimitedRenderer:
        with self._lock:
            if self._renderer is None:
                # Jinja2 takes longer to import than all branches take to be asked for.
                from distgen.render.limited import LimitedRenderer

                self._renderer = LimitedRenderer(*self._words)
            return self._renderer
