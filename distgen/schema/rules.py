"""Add the rules of lint to the schema of a namespace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distgen.schema.subschemas import Schema


def with_rules(namespace: Schema, rules: Mapping[str, Mapping[str, Schema]]) -> Schema:
    """Return the schema of a namespace whose policy may name these rules.

    `rules` maps the code of each to its options, which stand between level and exemptions.
    """
    definitions = namespace["$defs"]
    plain = definitions["rule"]
    with_options = {
        code: {**plain, "properties": _with_options(plain["properties"], options)}
        for code, options in rules.items()
        if options
    }
    references = {
        code: {"$ref": f"#/$defs/{code}" if options else "#/$defs/rule"}
        for code, options in rules.items()
    }
    changed = _replace(namespace, ("properties", "policy", "properties", "rules"), references)
    return {**changed, "$defs": {**definitions, **with_options}}


def _with_options(plain: Schema, options: Schema) -> dict[str, Any]:
    others = {name: schema for name, schema in plain.items() if name != "exempt"}
    return {**others, **options, "exempt": plain["exempt"]}


def _replace(schema: Any, path: tuple[str, ...], properties: Mapping[str, Any]) -> Any:
    """Return a schema with other properties in the one at a path."""
    if not path:
        return {**schema, "properties": properties}
    return {**schema, path[0]: _replace(schema[path[0]], path[1:], properties)}
