"""Reads the overlay of each image, its file and its folder, and what it extends."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from distgen.catalogue.cycles import find_cycle
from distgen.catalogue.folder import read_document, read_folder
from distgen.catalogue.namespaces import FOLDER
from distgen.catalogue.settings import values_layer
from distgen.errors import InputError
from distgen.model.catalogue import Layer, TemplateFile
from distgen.model.words import Origin
from distgen.schema.check import check_document
from distgen.schema.formats import format_problem
from distgen.text.suggest import did_you_mean

_PATCHES = "patches/"
_SPEC = ("template", "description", "from", "builders", "sources", "downloads")


@dataclass(frozen=True, slots=True)
class Overlay:
    """What one image's file and folder say, before anything inherited.

    `spec` and `stream_specs` are layers of all keys but values; `streams` None means all of them.
    """

    namespace: str
    name: str
    extends: str | None
    streams: tuple[str, ...] | None
    spec: Layer
    stream_specs: Mapping[str, Layer]
    values: Layer
    stream_values: Mapping[str, Layer]
    files: tuple[TemplateFile, ...]
    patches: tuple[TemplateFile, ...]

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    def origin(self, key: str = "") -> Origin:
        """Return where a key of the file stands."""
        return self.spec.origin((key,)) if key else self.spec.origin()


def read_overlay(root: Path, namespace: str, name: str, has_folder: bool) -> Overlay:
    """Read overlays/NAMESPACE/NAME.yaml and the folder of the same name."""
    path = f"{FOLDER}/{namespace}/{name}.yaml"
    if problem := format_problem("name", name):
        raise InputError(f"`{name}` {problem}", where=Origin(path), hint="rename the file")
    document = read_document(root, path)
    data = check_document("image", document)
    streams = data.get("streams")
    by_stream = streams if isinstance(streams, dict) else {}
    files, patches = (
        read_image_files(root, f"{FOLDER}/{namespace}/{name}") if has_folder else ((), ())
    )
    return Overlay(
        namespace=namespace,
        name=name,
        extends=data.get("extends"),
        streams=None if streams is None else tuple(streams),
        spec=Layer("image", path, _spec(data), document.marks),
        stream_specs={
            stream: Layer("image stream", path, _spec(says), document.marks, ("streams", stream))
            for stream, says in by_stream.items()
            if says
        },
        values=values_layer("image", document, ()),
        stream_values={
            stream: values_layer("image stream", document, ("streams", stream))
            for stream, says in by_stream.items()
            if says and says.get("values")
        },
        files=files,
        patches=patches,
    )


def extension_chains(overlays: Mapping[str, Overlay]) -> dict[str, tuple[Overlay, ...]]:
    """Return for each image what it extends, farthest first, and itself."""
    edges: dict[str, list[str]] = {}
    for name, own in overlays.items():
        if own.extends is not None and own.extends not in overlays:
            raise InputError(
                f"there is no image `{own.extends}` to extend",
                where=own.origin("extends"),
                hint=did_you_mean(own.extends, overlays),
            )
        edges[name] = [own.extends] if own.extends else []
    if cycle := find_cycle(edges):
        where = overlays[cycle[0]].origin("extends")
        what = f"images extend each other: {' -> '.join(cycle)}"
        raise InputError(what, where=where, hint="break the circle")
    bequeathed: dict[str, Overlay] = {}
    found: dict[str, tuple[Overlay, ...]] = {}
    for name, own in overlays.items():
        chain = [own]
        while parent := chain[0].extends:
            if parent not in bequeathed:
                bequeathed[parent] = _bequeathed(overlays[parent])
            chain.insert(0, bequeathed[parent])
        found[name] = tuple(chain)
    return found


def _bequeathed(one: Overlay) -> Overlay:
    """Return an overlay as those see it that extend it: its layers are called so."""
    return replace(
        one,
        spec=replace(one.spec, name="extends"),
        values=replace(one.values, name="extends"),
        stream_specs={k: replace(layer, name="extends") for k, layer in one.stream_specs.items()},
        stream_values={k: replace(layer, name="extends") for k, layer in one.stream_values.items()},
    )


def _spec(says: Mapping[str, Any]) -> dict[str, Any]:
    return {key: says[key] for key in _SPEC if key in says}


def patches_for_stream(patches: Iterable[TemplateFile], stream: str) -> tuple[TemplateFile, ...]:
    """Return the patches that a stream gets: those of all streams, then those in its own folder."""
    found = tuple(patches)
    shared = (file for file in found if file.path.count("/") == 1)
    return (*shared, *(file for file in found if file.path.startswith(f"{_PATCHES}{stream}/")))


def refuse_unknown_streams(patches: Iterable[TemplateFile], streams: Collection[str]) -> None:
    """A folder of patches that is called like no stream would silently not be applied."""
    for file in patches:
        folder, slash, _ = file.path.removeprefix(_PATCHES).partition("/")
        if slash and folder not in streams:
            raise InputError(
                f"the namespace has no stream `{folder}` to patch",
                where=Origin(file.source),
                hint=did_you_mean(folder, streams),
            )


def read_image_files(
    root: Path, folder: str
) -> tuple[tuple[TemplateFile, ...], tuple[TemplateFile, ...]]:
    """Return an image's own files and its patches, both by name."""
    found = read_folder(root, folder)
    patches = tuple(file for file in found if file.path.startswith(_PATCHES))
    for file in patches:
        if not file.source.endswith(".patch"):
            raise InputError(
                "is no patch; a folder `patches` holds *.patch only",
                where=Origin(file.source),
                hint="rename it or move it out",
            )
    return tuple(file for file in found if file not in patches), patches
