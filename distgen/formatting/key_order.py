"""Says in which order a schema lists the keys of a map; only there their order means nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from distgen.schema.subschemas import Schema, alternatives, schemas_of_item, schemas_of_key


def listed_keys(keys: Sequence[str], places: Sequence[Schema]) -> tuple[str, ...]:
    """Return keys in the order of the schemas of their map, () where the map keeps its own.

    A map keeps its order where a key is free: values, streams and patterns are read from top to
    bottom, and templates see values in the order in which they are written.
    """
    order: dict[str, int] = {}
    for place in places:
        if place.get("additionalProperties") is False and "patternProperties" not in place:
            for name in place.get("properties", {}):
                order.setdefault(name, len(order))
    if not all(key in order for key in keys):
        return ()
    return tuple(sorted(keys, key=order.__getitem__))


def places_below(places: Sequence[Schema], key: str, root: Schema) -> tuple[Schema, ...]:
    """Return the schemas of the value of a key."""
    return tuple(alternatives(schemas_of_key(key, places), root))


def places_of_item(places: Sequence[Schema], index: int, root: Schema) -> tuple[Schema, ...]:
    """Return the schemas of an item of a list."""
    return tuple(alternatives(schemas_of_item(index, places), root))


def means_the_same(before: Any, after: Any, schema: Schema) -> bool:
    """Tell whether two readings of a file are equal, also in each order that means something."""
    return _is_same(before, after, tuple(alternatives((schema,), schema)), schema)


def _is_same(before: Any, after: Any, places: Sequence[Schema], root: Schema) -> bool:
    if type(before) is not type(after):
        return False
    if isinstance(before, Mapping):
        keys = tuple(before)
        if keys != tuple(after) and sorted(keys) != sorted(after):
            return False
        if keys != tuple(after) and not listed_keys(keys, places):
            return False
        return all(
            _is_same(value, after[key], places_below(places, key, root), root)
            for key, value in before.items()
        )
    if isinstance(before, list):
        return len(before) == len(after) and all(
            _is_same(first, second, places_of_item(places, index, root), root)
            for index, (first, second) in enumerate(zip(before, after, strict=True))
        )
    return bool(before == after)
