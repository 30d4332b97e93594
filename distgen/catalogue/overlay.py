"""Stacks the layers of an image into its values, and finds the line that each value came from."""

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
    """What one layer does to one key: `operator` is "+", "-" or ""; a `value` of None deletes."""

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
    item that is not there to remove, and for an operator on something that is not a list.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        values = apply_layer(values, layer)
    return values


def apply_layer(values: Mapping[str, Any], layer: Layer) -> dict[str, Any]:
    """Return `values` with one more layer on top; what it leaves alone is shared, not copied."""
    return _merge_maps(values, layer.values, (), layer)


def trace_settings(layers: Sequence[Layer]) -> dict[KeyPath, tuple[Setting, ...]]:
    """Return every setting of every key in order, the winner last; lists are one key."""
    by_name: dict[KeyPath, list[Setting]] = {}
    for layer in layers:
        for name, key, operator, value in _leaves(layer.values, (), ()):
            setting = Setting(layer.name, layer.origin(key), operator, value)
            by_name.setdefault(name, []).append(setting)
    return {name: tuple(settings) for name, settings in by_name.items()}


def find_origin(layers: Sequence[Layer], key: KeyPath) -> Origin | None:
    """Return the line that last wrote the merged value at `key`, or the nearest key above it."""
    while key:
        for layer in reversed(layers):
            spelling = _written_key(layer.values, key)
            if spelling:
                return layer.origin(spelling)
        if isinstance(key[-1], int):
            items = _item_origins(layers, key[:-1])
            if key[-1] < len(items):
                return items[key[-1]]
        key = key[:-1]
    return None


def value_at(values: Any, key: KeyPath) -> Any:
    """Return what maps in maps have at a key, None where they have nothing."""
    for part in key:
        if not isinstance(values, Mapping) or part not in values:
            return None
        values = values[part]
    return values


def _merge_maps(
    below: Mapping[str, Any], above: Mapping[str, Any], at: KeyPath, layer: Layer
) -> dict[str, Any]:
    result = dict(below)
    for key, value in sorted(above.items(), key=_removals_first):
        name, operator = split_operator(key)
        if operator:
            if name in above:
                raise InputError(
                    f"`{name}` and `{key}` are both written",
                    where=layer.origin((*at, key)),
                    hint="write one list",
                )
            result[name] = _change_list(result.get(name), key, value, layer.origin((*at, key)))
        elif value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            under = result.get(name)
            inner = under if isinstance(under, Mapping) else {}
            result[name] = _merge_maps(inner, value, (*at, key), layer)
        else:
            result[name] = value
    return result


def _removals_first(item: tuple[str, Any]) -> bool:
    # Keys of a mapping have no order that a reader could rely on: `key-` comes before `key+`.
    return item[0][-1:] != "-"


def _change_list(below: Any, key: str, items: Any, where: Origin) -> list[Any]:
    name, operator = split_operator(key)
    if not isinstance(items, list):
        raise InputError(f"`{key}` needs a list", where=where, hint=f"write `{key}: [...]`")
    if below is None and operator == "+":
        return items
    if not isinstance(below, list):
        state = "nothing is inherited" if below is None else "the inherited value is not a list"
        raise InputError(f"`{key}` has no list to change: {state}", where=where)
    if operator == "+":
        return [*below, *items]
    rest = list(below)
    for item in items:
        if item not in rest:
            present = [format_value(member) for member in rest]
            nearest = did_you_mean(format_value(item), present)
            raise InputError(
                f"`{key}` removes `{format_value(item)}`, which is not in the inherited list",
                where=where,
                hint=nearest or f"the inherited `{name}` is empty",
            )
        rest = [member for member in rest if member != item]
    return rest


def _leaves(
    values: Mapping[str, Any], name: KeyPath, spelling: KeyPath
) -> Iterator[tuple[KeyPath, KeyPath, str, Any]]:
    """Yield each setting: its key without operators and as written, its operator and its value."""
    for key, value in values.items():
        plain_key, operator = split_operator(key)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*name, key), (*spelling, key))
        else:
            yield (*name, plain_key), (*spelling, key), operator, value


def _written_key(values: Any, key: KeyPath) -> KeyPath:
    """Return `key` as the layer writes it, operators included; () when it has no such key."""
    spelling: KeyPath = ()
    for part in key:
        if not isinstance(values, Mapping):
            return ()
        candidates = (part, f"{part}+", f"{part}-")
        as_written = next((name for name in candidates if name in values), None)
        if as_written is None:
            return ()
        spelling = (*spelling, as_written)
        values = values[as_written]
    return spelling


def _item_origins(layers: Sequence[Layer], key: KeyPath) -> list[Origin]:
    """Return the line of each item of the merged list at `key`."""
    items: list[tuple[Any, Origin]] = []
    for layer in layers:
        if _replaces(layer.values, key):
            items = []
        for operator in ("", "-", "+"):
            spelling = (*key[:-1], f"{key[-1]}{operator}")
            value = value_at(layer.values, spelling)
            if not isinstance(value, list):
                continue
            if operator == "-":
                items = [item for item in items if item[0] not in value]
            else:
                items += [(item, layer.origin((*spelling, i))) for i, item in enumerate(value)]
    return [where for _, where in items]


def _replaces(values: Any, key: KeyPath) -> bool:
    """Say whether a layer writes something else at `key`, or above it; null deletes."""
    for part in key:
        if not isinstance(values, Mapping):
            return True
        if part not in values:
            return False
        values = values[part]
    return True
