"""Stacks the values of images in the order of overlays and checks them against their templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from distgen.catalogue.images import Overlay
from distgen.catalogue.namespaces import Group
from distgen.catalogue.overlay import apply_layer, find_origin, merge_layers, split_operator
from distgen.catalogue.settings import Assignment
from distgen.catalogue.templates import CompiledTemplate
from distgen.errors import InputError
from distgen.model.catalogue import Layer
from distgen.model.words import Origin
from distgen.schema.check import Where, refuse_mistakes, resolve_scalars
from distgen.schema.yaml import Scalar
from distgen.text.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class StackedValues:
    """The values of one image and stream; `spare` are texts that wide layers hold beside them."""

    layers: tuple[Layer, ...]
    values: Mapping[str, Any]
    spare: Mapping[str, str]


class ValueStack:
    """The values of one catalogue while it is read.

    What images have in common is stacked and checked once: everything below their own overlays
    depends on template, namespace and stream alone. Layers that many images share (namespace,
    stream, site, --set) may hold values that only some templates take; those nobody takes are
    known when all images are stacked. Layers are remembered by identity, hence kept alive.
    """

    def __init__(self, site: Layer, assignments: Sequence[Assignment]) -> None:
        self._site = site
        self._assignments = assignments
        self._common: dict[tuple[str, str, str], StackedValues] = {}
        self._fitted: dict[tuple[str, int], tuple[Layer, Layer, dict[str, str]]] = {}
        self._owned: dict[tuple[str, int], tuple[Layer, Layer]] = {}
        self._checked: dict[tuple[str, str, int], Any] = {}
        self._taken: set[tuple[int, str]] = set()
        self._reached: dict[int, tuple[Layer, set[str]]] = {}

    def stack(
        self,
        kind: CompiledTemplate,
        group: Group,
        image: Overlay,
        stream: str,
        own: Iterable[Layer],
    ) -> StackedValues:
        """Return the values of `image`, whose own layers (extends, image, stream) are `own`."""
        common = self._below(kind, group, stream)
        above = [self._site] if self._site.values else []
        above += [one.layer for one in self._assignments if one.reaches(image.full_name, stream)]
        layers, spare = list(common.layers), dict(common.spare)
        values = common.values
        for layer in own:
            layers.append(self._own(kind, layer))
            values = apply_layer(values, layers[-1])
        for layer in above:
            fitted, rest = self._fit(kind, layer)
            spare.update(rest)
            if fitted.values:
                layers.append(fitted)
                values = apply_layer(values, fitted)
        complete = self._complete(kind, values, layers, image.origin("values"))
        return StackedValues(tuple(layers), complete, spare)

    def take(self, names: Iterable[str]) -> None:
        """Note that an address or a reference fills in these names, so that they are of use."""
        for name in names:
            for number, (layer, _) in self._reached.items():
                self._taken.update((number, key) for key in layer.values if key == name)

    def refuse_unused(self) -> None:
        """Raise InputError for the first value of a shared layer that no template takes."""
        for number, (layer, known) in self._reached.items():
            for key in layer.values:
                if (number, key) not in self._taken:
                    raise InputError(
                        f"no template of the images this reaches takes a value "
                        f"`{split_operator(key)[0]}`",
                        where=layer.origin((key,)),
                        hint=did_you_mean(split_operator(key)[0], known),
                    )

    def _below(self, kind: CompiledTemplate, group: Group, stream: str) -> StackedValues:
        key = (kind.template.name, group.name, stream)
        if key not in self._common:
            layers, spare = list(kind.layers), {}
            for layer in (group.values, group.streams[stream]):
                fitted, rest = self._fit(kind, layer)
                spare.update(rest)
                if fitted.values:
                    layers.append(fitted)
            self._common[key] = StackedValues(tuple(layers), merge_layers(layers), spare)
        return self._common[key]

    def _fit(self, kind: CompiledTemplate, layer: Layer) -> tuple[Layer, dict[str, str]]:
        """Return what of a shared layer is for this template, and the texts that are left."""
        known = (kind.template.name, id(layer))
        if known not in self._fitted:
            values, spare = {}, {}
            for key, value in layer.values.items():
                name = split_operator(key)[0]
                if name in kind.checks:
                    values[key] = _meant(kind, name, value)
                    self._taken.add((id(layer), key))
                elif isinstance(value, Scalar | str):
                    spare[name] = value if isinstance(value, str) else value.text
            self._reached.setdefault(id(layer), (layer, set()))[1].update(kind.checks)
            self._fitted[known] = (layer, replace(layer, values=values), spare)
        _, fitted, spare = self._fitted[known]
        return fitted, spare

    def _own(self, kind: CompiledTemplate, layer: Layer) -> Layer:
        known = (kind.template.name, id(layer))
        if known not in self._owned:
            self._owned[known] = (layer, _declared(kind, layer))
        return self._owned[known][1]

    def _complete(
        self,
        kind: CompiledTemplate,
        values: Mapping[str, Any],
        layers: Sequence[Layer],
        image: Origin,
    ) -> Mapping[str, Any]:
        template = kind.template.name
        absent = {name: None for name in kind.nullable if name not in values}
        for name, check in kind.checks.items():
            if name in absent:
                continue
            if name not in values:
                raise InputError(
                    f"the template `{template}` needs a value `{name}`",
                    where=find_origin(layers, (name,)) or image,
                    hint=f"set `{name}` under `values`",
                )
            known = (template, name, id(values[name]))
            if known not in self._checked:
                refuse_mistakes(check, values[name], _places(layers), (name,))
                self._checked[known] = values[name]
        return {**values, **absent} if absent else values


def _declared(kind: CompiledTemplate, layer: Layer) -> Layer:
    values = {}
    for key, value in layer.values.items():
        name = split_operator(key)[0]
        if name not in kind.checks:
            raise InputError(
                f"the template `{kind.template.name}` takes no value `{name}`",
                where=layer.origin((key,)),
                hint=did_you_mean(name, kind.checks),
            )
        values[key] = _meant(kind, name, value)
    return replace(layer, values=values)


def _meant(kind: CompiledTemplate, name: str, value: Any) -> Any:
    return resolve_scalars(value, kind.template.schema["properties"][name])


def _places(layers: Sequence[Layer]) -> Where:
    return lambda key: find_origin(layers, key)
