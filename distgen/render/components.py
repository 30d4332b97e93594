"""Tells which images have a component inside, of their own or from what they are built on."""

from __future__ import annotations

from collections.abc import Iterable

from distgen.model.catalogue import Image


def images_with_components(images: Iterable[Image]) -> frozenset[str]:
    """Return the keys of images that have sources, or a base in the catalogue that has."""
    by_key = {image.key: image for image in images}
    keys: set[str] = set()
    for image in by_key.values():
        line: list[Image] = []
        below: Image | None = image
        while below is not None and not below.sources and below.key not in keys:
            line.append(below)
            below = by_key.get(below.base.image or "") if below.base else None
        if below is not None:
            keys |= {below.key, *(item.key for item in line)}
    return frozenset(keys)
