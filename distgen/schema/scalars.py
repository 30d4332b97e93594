"""Gives bare numbers, booleans and nulls of YAML the types that their schemas ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from distgen.schema.scalar import Scalar
from distgen.schema.subschemas import Schema, alternatives, schemas_of_item, schemas_of_key
from distgen.schema.yaml import Document

_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def resolve_scalars(data: Any, schema: Schema) -> Any:
    """Return `data` with each `Scalar` as value or as text, whichever its schema takes."""
    return _resolve(data, (schema,), schema)


def with_null_types(document: Document) -> Document:
    """Return a document in which a bare null among the types of a schema is the type "null"."""

    def name_null(data: Any) -> Any:
        if isinstance(data, dict):
            inner = {key: name_null(value) for key, value in data.items()}
            return {**inner, "type": _name_null(data["type"])} if "type" in data else inner
        return [name_null(item) for item in data] if isinstance(data, list) else data

    return Document(document.path, name_null(document.data), document.marks)


def with_declared_types(schema: Any) -> Any:
    """Return a proper schema of a value with its defaults and choices in the declared types."""
    if not isinstance(schema, dict):
        return schema
    only_type = {"type": schema["type"]} if "type" in schema else {}
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "default":
            result[key] = resolve_scalars(value, schema)
        elif key == "type":
            result[key] = _name_null(value)
        elif key in ("const", "enum", "examples"):
            schema_of_value = only_type if key == "const" else {"items": only_type}
            result[key] = resolve_scalars(value, schema_of_value)
        elif key in ("properties", "patternProperties") and isinstance(value, dict):
            result[key] = {name: with_declared_types(inner) for name, inner in value.items()}
        elif isinstance(value, list):
            result[key] = [with_declared_types(inner) for inner in value]
        else:
            result[key] = with_declared_types(value)
    return result


def _name_null(types: Any) -> Any:
    if not isinstance(types, list):
        return types
    return ["null" if name is None else name for name in types]


def _resolve(data: Any, schemas: Sequence[Any], root: Schema) -> Any:
    if isinstance(data, Scalar):
        return _value_or_text(data, schemas, root)
    if isinstance(data, dict):
        places = list(alternatives(schemas, root))
        return {
            key: _resolve(value, schemas_of_key(key, places), root) for key, value in data.items()
        }
    if isinstance(data, list):
        places = list(alternatives(schemas, root))
        return [
            _resolve(item, schemas_of_item(index, places), root) for index, item in enumerate(data)
        ]
    return data


def _value_or_text(scalar: Scalar, schemas: Sequence[Any], root: Schema) -> int | float | str:
    types_of_schema: set[str] = set()
    for schema in alternatives(schemas, root):
        types = schema.get("type", ())
        types_of_schema.update((types,) if isinstance(types, str) else types)
        types_of_schema.update(_TYPES.get(type(choice), "") for choice in schema.get("enum", ()))
    natural = _TYPES[type(scalar.value)]
    fits = natural in types_of_schema or (natural == "integer" and "number" in types_of_schema)
    return scalar.text if "string" in types_of_schema and not fits else scalar.value
