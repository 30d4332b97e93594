"""Tells which images have a component inside, of their own or from what they are built on."""

from __future__ import annotations

from collections.abc import Mapping

from distgen.model.catalogue import Image


def has_component(images: Mapping[str, Image], key: str) -> bool:
    """Tell whether an image has sources, or a base in the catalogue that has."""
    while key in images:
        image = images[key]
        if image.sources:
            return True
        key = (image.base.image or "") if image.base else ""
    return False
