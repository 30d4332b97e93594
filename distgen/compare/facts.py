"""Find what of an image differs between two states of a catalogue, before it is rendered."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from distgen.catalogue.overlay import Setting, split_operator, trace_settings, value_at
from distgen.catalogue.placeholders import placeholder_names
from distgen.model.catalogue import Catalogue, Image, Template
from distgen.model.words import KeyPath

SITE = "distgen.yaml"
_OVERLAYS, _TEMPLATES = "overlays", "templates"
_FILLED = ("from", "builders", "sources", "downloads", "repository", "tags", "dist_git")
"""The keys in which `{name}` stands for a value."""


@dataclass(frozen=True)
class ImagePair:
    """An image in two states of a catalogue that both have it."""

    catalogues: tuple[Catalogue, Catalogue]
    images: tuple[Image, Image]

    @property
    def imported_from(self) -> frozenset[str]:
        """Return the sources that brought it, none where a template describes it."""
        return frozenset(image.imported_from for image in self.images if image.imported_from)

    def reads_named_file(self, path: str) -> bool:
        """Tell whether a file that settings name is for this image."""
        texts, other_texts = self._setting_texts
        if not _names(texts, path) and _names(other_texts, path):
            return False
        return all(
            image.values.get("container_list") != path and _is_beside(image, path)
            for image in self.images
        )

    @cached_property
    def _setting_texts(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the texts in settings of the image's source, and in those of other namespaces."""
        namespaces = {
            (place, image.namespace): image.values
            for place, catalogue in enumerate(self.catalogues)
            for image in catalogue.images
            if image.imported_from
        }
        here = self.images[0].namespace
        own_values = (values for (_, name), values in namespaces.items() if name == here)
        foreign_values = (values for (_, name), values in namespaces.items() if name != here)
        return frozenset(_texts([*own_values])), frozenset(_texts([*foreign_values]))

    @property
    def is_tagged(self) -> bool:
        """Tell whether its stream is made from a git tag, in one of the states."""
        return any(image.stream.like for image in self.images)

    @cached_property
    def documents(self) -> tuple[str, ...]:
        """Return the paths of the YAML files that the image is made from, in either state."""
        pairs = zip(self.catalogues, self.images, strict=True)
        return tuple(dict.fromkeys(path for pair in pairs for path in _documents(*pair)))

    @cached_property
    def differences(self) -> frozenset[KeyPath]:
        """Return what differs, by the keys of overlays that say it; `values` are not among it."""
        return frozenset(_differences(self))

    @cached_property
    def heads(self) -> frozenset[str]:
        """Return the first words of what differs."""
        return frozenset(str(key[0]) for key in self.differences)

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """Return the values that addresses, references and tags of the image ask for."""
        layers = [
            catalogue.documents[path]
            for catalogue in self.catalogues
            for path in self.documents
            if path in catalogue.documents
        ]
        return frozenset(name for layer in layers for name in _placeholders(layer.values, False))

    def value_differs(self, key: KeyPath, path: str) -> bool:
        """Tell whether a file's setting of a value is one that makes the value another.

        Without a path, tell whether the value differs.
        """
        if not key:
            return False
        name = (*key[:-1], split_operator(str(key[-1]))[0])
        if any(self._is_reordered(name[:end]) for end in range(1, len(name) + 1)):
            return True
        before, now = (_text(value_at(image.values, name)) for image in self.images)
        if before == now:
            return False
        settings = [traced.get(name) for traced in self._settings_by_key]
        return (
            not path
            or None in settings
            or any(
                setting.origin.path == path
                for history in settings
                for setting in _effective(history or ())
            )
        )

    @cached_property
    def _settings_by_key(self) -> tuple[Mapping[KeyPath, tuple[Setting, ...]], ...]:
        return tuple(trace_settings(image.layers) for image in self.images)

    def _is_reordered(self, name: KeyPath) -> bool:
        values = [value_at(image.values, name) for image in self.images]
        old, new = (list(value) if isinstance(value, Mapping) else [] for value in values)
        return [key for key in old if key in new] != [key for key in new if key in old]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def _names(texts: Collection[str], path: str) -> bool:
    """Tell whether any of the texts is a path, or that of a folder above it."""
    return any(f"{path}/".startswith(f"{text.removesuffix('/')}/") for text in texts if text)


def _is_beside(image: Image, path: str) -> bool:
    """Tell whether a file of a folder of images is above, in or below the image's own folder."""
    own_folder = image.template.partition(":")[2]
    for folder in _texts(image.values.get("docker_dir", [])):
        if _names((folder,), path):
            inner = path.removeprefix(f"{folder.removesuffix('/')}/").rpartition("/")[0]
            return _names((inner,), own_folder) or _names((own_folder,), inner) or not inner
    return True


def _documents(catalogue: Catalogue, image: Image) -> Iterator[str]:
    yield SITE
    yield f"{_OVERLAYS}/{image.namespace}/namespace.yaml"
    for name in (*image.heritage, image.full_name):
        yield f"{_OVERLAYS}/{name}.yaml"
    template = catalogue.templates.get(image.template)
    for name in (image.template, *(template.extends if template else ())):
        yield f"{_TEMPLATES}/{name}/template.yaml"


def _differences(pair: ImagePair) -> Iterator[KeyPath]:
    before, now = pair.images
    yield from _differing_fields(before, now)
    namespaces = [
        catalogue.namespaces[image.namespace]
        for catalogue, image in zip(pair.catalogues, pair.images, strict=True)
    ]
    exports = [image.exports for image in pair.images]
    if namespaces[0].exports != namespaces[1].exports or exports[0] != exports[1]:
        yield ("exports",)
    chains = [_chain(*side) for side in zip(pair.catalogues, pair.images, strict=True)]
    if chains[0] != chains[1]:
        yield ("chain",)
    parents = [
        {parent.role: (parent.image, parent.reference) for parent in image.parents}
        for image in pair.images
    ]
    sources = [
        {source.name: (source.git, source.ref) for source in image.sources} for image in pair.images
    ]
    downloads = [{item.name: item.url for item in image.downloads} for image in pair.images]
    for role in _differing_names(*parents):
        yield ("from",) if role == "base" else ("builders", role)
    yield from (("sources", name) for name in _differing_names(*sources))
    yield from (("downloads", name) for name in _differing_names(*downloads))
    yield from [("builders",)] * (list(parents[0]) != list(parents[1]))
    yield from [("sources",)] * (list(sources[0]) != list(sources[1]))


def _differing_fields(before: Image, now: Image) -> Iterator[KeyPath]:
    fields = {
        "template": (before.template, now.template),
        "description": (before.description, now.description),
        "extends": (before.heritage, now.heritage),
        "url": (before.url, now.url),
        "branch": (before.stream.branch, now.stream.branch),
        "tags": (before.stream.tags, now.stream.tags),
        "reference": (before.reference, now.reference),
        "source": (before.imported_from, now.imported_from),
    }
    yield from ((name,) for name, (old, new) in fields.items() if old != new)


def _chain(catalogue: Catalogue, image: Image) -> tuple[str, ...]:
    template: Template | None = catalogue.templates.get(image.template)
    return template.extends if template else ()


def _differing_names(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in {**old, **new} if old.get(name) != new.get(name))


def _placeholders(values: Any, is_filled: bool) -> Iterator[str]:
    """Yield the names that texts ask for below the keys that are filled in."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            if key != "values":
                yield from _placeholders(value, is_filled or key in _FILLED)
    elif isinstance(values, list):
        for value in values:
            yield from _placeholders(value, is_filled)
    elif is_filled and isinstance(values, str):
        yield from placeholder_names(values)


def _text(value: Any) -> str:
    """Return a value as text: 1 and true, and 3 and 3.0, are printed differently."""
    return json.dumps(value, default=repr)


def _effective(settings: tuple[Setting, ...]) -> tuple[Setting, ...]:
    """Return the settings of a value that count: the last that replaces it, and what follows."""
    starts = [at for at, setting in enumerate(settings) if not setting.operator]
    return settings[starts[-1] if starts else 0 :]
