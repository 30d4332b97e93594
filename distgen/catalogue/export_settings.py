"""Reads what namespaces and images say of the formats whose files stand in each repository."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from distgen.catalogue.overlay import find_origin, merge_layers
from distgen.catalogue.placeholders import fill_placeholders
from distgen.catalogue.records import Group, Overlay
from distgen.errors import InputError
from distgen.exports.repository_formats import REPOSITORY_FORMATS
from distgen.model.catalogue import Image, Layer, Namespace
from distgen.model.export_settings import ExportSettings
from distgen.model.words import KeyPath, Origin
from distgen.schema.yaml import Document

FillText = Callable[[str, Origin], str]
"""Fills `{value}` in a text that was written at a place."""


def read_export_layer(data: Mapping[str, Any], document: Document) -> Layer:
    """Return what a namespace says of its formats."""
    values = {name: data[name] for name in REPOSITORY_FORMATS if name in data}
    for name in values:
        _refuse_unused(name, data.get("exports", ()), document.origin((name,)))
    return Layer("namespace", document.path, values, document.marks)


def refuse_unused_settings(overlay: Overlay, namespace: Namespace) -> None:
    """Raise InputError where an image's own file is about a format that is not exported."""
    for layer in (overlay.spec, *overlay.stream_specs.values()):
        for name in REPOSITORY_FORMATS:
            if name in layer.values:
                _refuse_unused(name, namespace.exports, layer.origin((name,)))


class ExportReader:
    """Reads what images say of formats; equal settings of several images are one record.

    Most images say nothing of their own, and thousands of copies once took as much memory as all
    else that was read of a catalogue.
    """

    def __init__(self) -> None:
        self._known: dict[object, ExportSettings] = {}

    def read(
        self, group: Group, spec: Mapping[str, Any], layers: Sequence[Layer], fill: FillText
    ) -> tuple[ExportSettings, ...]:
        """Return the settings of each format that a namespace exports, for one image.

        `spec` is the merge of `layers`, that of the namespace among them.
        """
        exports = enumerate(group.namespace.exports)
        origins = ((name, group.document.origin(("exports", at))) for at, name in exports)
        return tuple(
            self._share(_read_settings(name, spec.get(name), layers, fill, origin))
            for name, origin in origins
        )

    def _share(self, settings: ExportSettings) -> ExportSettings:
        key = (settings.format, repr(settings.values), tuple(settings.origins.items()))
        return self._known.setdefault(key, settings)


def with_exports(image: Image, group: Group, reader: ExportReader) -> Image:
    """Return an image of a source with what its namespace says of formats."""
    words = {"namespace": image.namespace, "image": image.name}
    words |= {"stream": image.stream.name, "branch": image.stream.branch}
    layers = (group.exports,)

    def fill(text: str, where: Origin) -> str:
        return fill_placeholders(text, words, where)

    return replace(image, exports=reader.read(group, merge_layers(layers), layers, fill))


def refuse_export_settings(images: Iterable[Image], groups: Mapping[str, Group]) -> None:
    """Raise InputError for settings that a format cannot have for an image."""
    for image in images:
        for settings in image.exports:
            namespace = groups[image.namespace].namespace
            REPOSITORY_FORMATS[settings.format].refuse(image, namespace, settings)


def _refuse_unused(name: str, exports: Iterable[str], where: Origin) -> None:
    if name not in exports:
        raise InputError(
            f"`{name}` is set, and the namespace does not export it",
            where=where,
            hint=f"add `{name}` to the `exports` of the namespace, or take the key out",
        )


def _read_settings(
    name: str, values: Any, layers: Sequence[Layer], fill: FillText, asked: Origin
) -> ExportSettings:
    origins: dict[KeyPath, Origin] = {(): asked}
    for key in _keys(values, ()):
        origins[key] = find_origin(layers, (name, *key)) or asked
    return ExportSettings(name, _fill(values or {}, (), origins, fill), origins)


def _keys(values: Any, at: KeyPath) -> Iterator[KeyPath]:
    """Yield the paths of all keys and items."""
    if isinstance(values, Mapping):
        inner: Iterable[tuple[str | int, Any]] = values.items()
    else:
        inner = enumerate(values) if isinstance(values, list) else ()
    for key, value in inner:
        yield (*at, key)
        yield from _keys(value, (*at, key))


def _fill(values: Any, at: KeyPath, origins: Mapping[KeyPath, Origin], fill: FillText) -> Any:
    if isinstance(values, Mapping):
        return {key: _fill(value, (*at, key), origins, fill) for key, value in values.items()}
    if isinstance(values, list):
        return [_fill(value, (*at, index), origins, fill) for index, value in enumerate(values)]
    return fill(values, origins[at]) if isinstance(values, str) else values
