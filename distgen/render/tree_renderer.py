"""What commands ask of a renderer, whether it keeps trees or not."""

from __future__ import annotations

from typing import Protocol

from distgen.model.catalogue import Image
from distgen.model.rendered import PrintedText, Tree
from distgen.render.annotate import Annotations
from distgen.render.linemap import Origins


class TreeRenderer(Protocol):
    """What renders the images of one catalogue."""

    def tree(self, image: Image, /) -> Tree: ...

    def line_map(self, image: Image, path: str, /) -> Origins: ...

    def printed_text(self, image: Image, path: str, /) -> PrintedText: ...

    def annotate(self, image: Image, path: str, /) -> Annotations: ...

    def input_files(self, image: Image, /) -> tuple[str, ...]: ...
