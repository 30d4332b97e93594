"""Stacks the layers of an image into its values, and says where each value came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distgen.errors import InputError
from distgen.model.catalogue import Layer
from distgen.model.words import KeyPath, Origin
from distgen.schema.messages import format_value
from distgen.text.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Setting:
    """One layer's word on one key: `operator` is "+", "-" or ""; a `value` of None deletes."""

    layer: str
    origin: Origin
    operator: str
    value: Any


def split_operator(key: str) -> tuple[str, str]:
    """Split a key as written into its name and its list operator: `packages+` is packages, +."""
    return (key[:-1], key[-1]) if key[-1:] in ("+", "-") else (key, "")


def merge_layers(layers: Sequence[Layer]) -> dict[str, Any]:
    """Stack layers, later wins: maps merge, `key+` appends, `key-` removes, null deletes.

    Removal comes before appending, in whatever order they are written. Raise InputError for an
    item that is not there to remove and for an operator on something that is no list.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        values = apply_layer(values, layer)
    return values


def apply_layer(values: Mapping[str, Any], layer: Layer) -> dict[str, Any]:
    """Return `values` with one more layer on top; what it leaves alone is shared, not copied."""
    return _stacked(values, layer.values, (), layer)


def trace_settings(layers: Sequence[Layer]) -> dict[KeyPath, tuple[Setting, ...]]:
    """Return every setting of every key in order, the winner last; lists are one key."""
    found: dict[KeyPath, list[Setting]] = {}
    for layer in layers:
        for name, written, operator, value in _leaves(layer.values, (), ()):
            setting = Setting(layer.name, layer.origin(written), operator, value)
            found.setdefault(name, []).append(setting)
    return {name: tuple(settings) for name, settings in found.items()}


def find_origin(layers: Sequence[Layer], key: KeyPath) -> Origin | None:
    """Return where the merged value at `key` was last written, or the nearest thing above it."""
    while key:
        for layer in reversed(layers):
            written = _written(layer.values, key)
            if written:
                return layer.origin(written)
        if isinstance(key[-1], int):
            items = _item_origins(layers, key[:-1])
            if key[-1] < len(items):
                return items[key[-1]]
        key = key[:-1]
    return None


def _stacked(
    below: Mapping[str, Any], above: Mapping[str, Any], at: KeyPath, layer: Layer
) -> dict[str, Any]:
    result = dict(below)
    for key, value in sorted(above.items(), key=_removals_first):
        name, operator = split_operator(key)
        if operator:
            if name in above:
                raise InputError(
                    f"`{name}` and `{key}` stand side by side",
                    where=layer.origin((*at, key)),
                    hint="write one list",
                )
            result[name] = _operated(result.get(name), key, value, layer.origin((*at, key)))
        elif value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            under = result.get(name)
            inner = under if isinstance(under, Mapping) else {}
            result[name] = _stacked(inner, value, (*at, key), layer)
        else:
            result[name] = value
    return result


def _removals_first(item: tuple[str, Any]) -> bool:
    return item[0][-1:] != "-"


def _operated(below: Any, key: str, items: Any, where: Origin) -> list[Any]:
    name, operator = split_operator(key)
    if not isinstance(items, list):
        raise InputError(f"`{key}` needs a list", where=where, hint=f"write `{key}: [...]`")
    if below is None and operator == "+":
        return items
    if not isinstance(below, list):
        state = "nothing is inherited" if below is None else "what is inherited is no list"
        raise InputError(f"`{key}` has no list to work on: {state}", where=where)
    if operator == "+":
        return [*below, *items]
    rest = list(below)
    for item in items:
        if item not in rest:
            known = [format_value(one) for one in rest]
            raise InputError(
                f"`{key}` removes `{format_value(item)}`, which is not in the inherited list",
                where=where,
                hint=did_you_mean(format_value(item), known) or f"the inherited `{name}` is empty",
            )
        rest = [one for one in rest if one != item]
    return rest


def _leaves(
    values: Mapping[str, Any], name: KeyPath, written: KeyPath
) -> Iterator[tuple[KeyPath, KeyPath, str, Any]]:
    for key, value in values.items():
        plain, operator = split_operator(key)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*name, key), (*written, key))
        else:
            yield (*name, plain), (*written, key), operator, value


def _written(values: Any, key: KeyPath) -> KeyPath:
    """Return `key` as the layer spells it, operators included; () when it has no such key."""
    spelled: KeyPath = ()
    for part in key:
        if not isinstance(values, Mapping):
            return ()
        found = next((p for p in (part, f"{part}+", f"{part}-") if p in values), None)
        if found is None:
            return ()
        spelled = (*spelled, found)
        values = values[found]
    return spelled


def _item_origins(layers: Sequence[Layer], key: KeyPath) -> list[Origin]:
    """Return where each item of the merged list at `key` was written."""
    items: list[tuple[Any, Origin]] = []
    for layer in layers:
        for operator in ("", "-", "+"):
            written = (*key[:-1], f"{key[-1]}{operator}")
            value = _value(layer.values, written)
            if not isinstance(value, list):
                continue
            if operator == "-":
                items = [item for item in items if item[0] not in value]
                continue
            own = [(item, layer.origin((*written, i))) for i, item in enumerate(value)]
            items = own if not operator else [*items, *own]
    return [where for _, where in items]


def _value(values: Any, key: KeyPath) -> Any:
    for part in key:
        if not isinstance(values, Mapping) or part not in values:
            return None
        values = values[part]
    return values
