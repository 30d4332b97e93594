"""Finds the parts of a JSON Schema that are about one part of the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
_ALTERNATIVES = ("allOf", "anyOf", "oneOf")


def alternatives(schemas: Sequence[Any], root: Schema) -> Iterator[Schema]:
    """Yield the schemas and all their alternatives; references into `root` are followed."""
    for schema in schemas:
        if not isinstance(schema, dict):
            continue
        yield schema
        if "$ref" in schema:
            target = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
            yield from alternatives((target,), root)
        for keyword in _ALTERNATIVES:
            if keyword in schema:
                yield from alternatives(schema[keyword], root)


def schemas_of_key(key: str, schemas: Sequence[Schema]) -> list[Any]:
    """Return the schemas of the value of a key; `key+` and `key-` are as `key`."""
    name = key[:-1] if key[-1:] in ("+", "-") else key
    inner = []
    for schema in schemas:
        properties = schema.get("properties", {})
        if name in properties:
            inner.append(properties[name])
        elif "additionalProperties" in schema:
            inner.append(schema["additionalProperties"])
        inner += schema.get("patternProperties", {}).values()
    return inner


def schemas_of_item(index: int, schemas: Sequence[Schema]) -> list[Any]:
    """Return the schemas of an item of a list."""
    inner = []
    for schema in schemas:
        first = schema.get("prefixItems", ())
        inner.append(first[index] if index < len(first) else schema.get("items"))
    return inner
