"""Stacks the values of images in the order of overlays and checks them against their templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from distgen.catalogue.overlay import apply_layer, find_origin, merge_layers, split_operator
from distgen.catalogue.records import Assignment, CompiledTemplate, Group, Overlay
from distgen.errors import InputError
from distgen.model.catalogue import Layer, Stream
from distgen.model.words import Origin
from distgen.schema.check import Check, FindOrigin, refuse_mistakes
from distgen.schema.scalar import Scalar
from distgen.schema.scalars import resolve_scalars
from distgen.text.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class StackedValues:
    """The values of one image and stream.

    `spare` are texts of shared layers that the template does not take; addresses, references and
    tags may ask for them.
    """

    layers: tuple[Layer, ...]
    values: Mapping[str, Any]
    spare: Mapping[str, str]


class ValueStack:
    """The values of one catalogue while it is read.

    What images have in common is stacked and checked once: everything below their own overlays
    depends on template, namespace and stream alone. Layers that many images share (namespace,
    stream, site, --set) may hold values that only some templates take; which of them none takes is
    known when all images are stacked. Layers are remembered by identity, hence kept alive.
    """

    def __init__(
        self, site: Layer, assignments: Sequence[Assignment], check: Check = refuse_mistakes
    ) -> None:
        self._check = check
        self._site = site
        self._assignments = assignments
        self._common: dict[tuple[str, str, str], StackedValues] = {}
        self._fitted_layers: dict[tuple[str, int], tuple[Layer, Layer, dict[str, str]]] = {}
        self._image_layers: dict[tuple[str, int], tuple[Layer, Layer]] = {}
        self._valid_values: dict[tuple[str, str, int], Any] = {}
        self._used_keys: set[tuple[int, str]] = set()
        self._shared_layers: dict[int, tuple[Layer, set[str]]] = {}

    def stack(
        self,
        template: CompiledTemplate,
        group: Group,
        image: Overlay,
        stream: Stream,
        image_layers: Iterable[Layer],
    ) -> StackedValues:
        """Return the values of `image`; `image_layers` are those of extends, image and stream."""
        common = self._stack_common(template, group, stream.pattern)
        layers, spare = list(common.layers), dict(common.spare)
        values = common.values
        for layer in image_layers:
            layers.append(self._declared_layer(template, layer))
            values = apply_layer(values, layers[-1])
        for layer in self._layers_above(image, stream.name):
            part, texts = self._fit(template, layer)
            spare.update(texts)
            if part.values:
                layers.append(part)
                values = apply_layer(values, part)
        values = self._complete(template, values, layers, image.origin("values"))
        return StackedValues(tuple(layers), values, spare)

    def take(self, names: Iterable[str]) -> None:
        """Note that an address or a reference asks for these names, so that they are of use."""
        for name in names:
            for number, (layer, _) in self._shared_layers.items():
                self._used_keys.update((number, key) for key in layer.values if key == name)

    def refuse_unused(self) -> None:
        """Raise InputError for the first value of a shared layer that no template takes."""
        # Each template ignores a misspelt value of a namespace, for it may be another one's.
        for number, (layer, names) in self._shared_layers.items():
            for key in layer.values:
                if (number, key) not in self._used_keys:
                    name = split_operator(key)[0]
                    raise InputError(
                        f"no template of the images this reaches takes a value `{name}`",
                        where=layer.origin((key,)),
                        hint=did_you_mean(name, names),
                    )

    def _layers_above(self, image: Overlay, stream: str) -> list[Layer]:
        """Return the layers that go over those of the image: the site's, then --set."""
        layers = [self._site] if self._site.values else []
        return layers + [
            assignment.layer
            for assignment in self._assignments
            if assignment.reaches(image.full_name, stream)
        ]

    def _stack_common(self, template: CompiledTemplate, group: Group, stream: str) -> StackedValues:
        """Return the values below those of the image: of template, namespace and stream."""
        key = (template.name, group.name, stream)
        if key not in self._common:
            layers, spare = list(template.layers), {}
            for layer in (group.values, group.streams[stream]):
                part, texts = self._fit(template, layer)
                spare.update(texts)
                if part.values:
                    layers.append(part)
            self._common[key] = StackedValues(tuple(layers), merge_layers(layers), spare)
        return self._common[key]

    def _fit(self, template: CompiledTemplate, layer: Layer) -> tuple[Layer, dict[str, str]]:
        """Return the part of a shared layer that a template takes, and the texts it does not."""
        cache_key = (template.name, id(layer))
        if cache_key not in self._fitted_layers:
            values, spare = {}, {}
            for key, value in layer.values.items():
                name = split_operator(key)[0]
                if name in template.checks:
                    values[key] = _resolve(template, name, value)
                    self._used_keys.add((id(layer), key))
                elif isinstance(value, Scalar | str):
                    spare[name] = value if isinstance(value, str) else value.text
            self._shared_layers.setdefault(id(layer), (layer, set()))[1].update(template.checks)
            self._fitted_layers[cache_key] = (layer, replace(layer, values=values), spare)
        _, part, spare = self._fitted_layers[cache_key]
        return part, spare

    def _declared_layer(self, template: CompiledTemplate, layer: Layer) -> Layer:
        cache_key = (template.name, id(layer))
        if cache_key not in self._image_layers:
            self._image_layers[cache_key] = (layer, _declare(template, layer))
        return self._image_layers[cache_key][1]

    def _complete(
        self,
        template: CompiledTemplate,
        values: Mapping[str, Any],
        layers: Sequence[Layer],
        image: Origin,
    ) -> Mapping[str, Any]:
        """Return the values with None for those that may be absent; raise InputError for others."""
        absent = {name: None for name in template.nullable if name not in values}
        for name, check in template.checks.items():
            if name in absent:
                continue
            if name not in values:
                raise InputError(
                    f"the template `{template.name}` needs a value `{name}`",
                    where=find_origin(layers, (name,)) or image,
                    hint=f"set `{name}` under `values`",
                )
            # Images share values that no overlay of their own changes: each is checked once.
            cache_key = (template.name, name, id(values[name]))
            if cache_key not in self._valid_values:
                self._check(check, values[name], _finder(layers), (name,))
                self._valid_values[cache_key] = values[name]
        return {**values, **absent} if absent else values


def _declare(template: CompiledTemplate, layer: Layer) -> Layer:
    """Return an image's own layer in the types of the template, which must take all its values."""
    values = {}
    for key, value in layer.values.items():
        name = split_operator(key)[0]
        if name not in template.checks:
            raise InputError(
                f"the template `{template.name}` takes no value `{name}`",
                where=layer.origin((key,)),
                hint=did_you_mean(name, template.checks),
            )
        values[key] = _resolve(template, name, value)
    return replace(layer, values=values)


def _resolve(template: CompiledTemplate, name: str, value: Any) -> Any:
    return resolve_scalars(value, template.template.schema["properties"][name])


def _finder(layers: Sequence[Layer]) -> FindOrigin:
    return lambda key: find_origin(layers, key)
