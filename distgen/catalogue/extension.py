"""Resolves `extends` of images: each inherits the layers and files of another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from distgen.catalogue.cycles import find_cycle
from distgen.catalogue.records import Overlay
from distgen.errors import InputError
from distgen.model.catalogue import Layer
from distgen.text.suggest import did_you_mean


def extension_chains(overlays: Mapping[str, Overlay]) -> dict[str, tuple[Overlay, ...]]:
    """Return the overlays that make each image: those it extends, farthest first, and its own."""
    edges: dict[str, list[str]] = {}
    for name, overlay in overlays.items():
        if overlay.extends is not None and overlay.extends not in overlays:
            raise InputError(
                f"there is no image `{overlay.extends}` to extend",
                where=overlay.origin("extends"),
                hint=did_you_mean(overlay.extends, overlays),
            )
        edges[name] = [overlay.extends] if overlay.extends else []
    if cycle := find_cycle(edges):
        problem = f"images extend each other: {' -> '.join(cycle)}"
        where = overlays[cycle[0]].origin("extends")
        raise InputError(problem, where=where, hint="break the cycle")
    # Layers are told apart by identity while values are stacked: each is renamed once only.
    renamed_overlays: dict[str, Overlay] = {}
    chains: dict[str, tuple[Overlay, ...]] = {}
    for name, overlay in overlays.items():
        chain = [overlay]
        while parent := chain[0].extends:
            if parent not in renamed_overlays:
                renamed_overlays[parent] = _as_inherited(overlays[parent])
            chain.insert(0, renamed_overlays[parent])
        chains[name] = tuple(chain)
    return chains


def _as_inherited(overlay: Overlay) -> Overlay:
    """Return an overlay as the images see it that extend it: its layers are called `extends`."""

    def rename(layer: Layer) -> Layer:
        return replace(layer, name="extends")

    return replace(
        overlay,
        spec=rename(overlay.spec),
        values=rename(overlay.values),
        stream_specs={name: rename(layer) for name, layer in overlay.stream_specs.items()},
        stream_values={name: rename(layer) for name, layer in overlay.stream_values.items()},
    )
