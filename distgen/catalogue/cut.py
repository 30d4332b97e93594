"""Cut from a catalogue what some images need, so that little of it travels to another machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from distgen.catalogue.graph import including_parents
from distgen.catalogue.speculation import Speculation
from distgen.model.catalogue import Catalogue


def cut_catalogue(catalogue: Catalogue, keys: Iterable[str]) -> Catalogue:
    """Return a catalogue of the images of these keys and all that they build on."""
    images = sorted(including_parents(catalogue, keys), key=lambda image: image.key)
    names = {(image.full_name, image.stream.name) for image in images}
    findings = tuple(f for f in catalogue.findings if (f.image, f.stream) in names)
    return replace(catalogue, images=tuple(images), findings=findings, documents={}, named_files={})


def cut_speculation(speculation: Speculation, keys: Iterable[str]) -> Speculation:
    """Return the speculation with a catalogue that is cut, and no more of the originals."""
    catalogue = cut_catalogue(speculation.catalogue, keys)
    return replace(speculation, catalogue=catalogue, items=(), originals=())
