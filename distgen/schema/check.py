"""Checks what a file of the catalogue says against its JSON Schema and names the first found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, cast

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError
from referencing import Registry

from distgen.errors import InputError
from distgen.model.words import KeyPath, Origin
from distgen.schema.formats import CHECKS, format_problem
from distgen.schema.messages import CONTROL, explain_error, format_key
from distgen.schema.yaml import Document, Scalar

Schema = Mapping[str, Any]
Where = Callable[[KeyPath], Origin | None]
_KINDS = (
    *("config", "template", "namespace", "image", "lock", "facts"),
    *("list", "results", "findings", "changes", "events", "verify", "adopt"),
    *("lock-changes", "lock-problems", "tags", "discover", "promote", "prune"),
)
_BRANCHES = ("allOf", "anyOf", "oneOf")
_BREAKS = re.compile(r"[\n\t]")
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def schema_kinds() -> tuple[str, ...]:
    """Return the kinds of file, and of what commands print, that have a schema."""
    return _KINDS


@cache
def load_schema(kind: str) -> Schema:
    """Return the JSON Schema (2020-12) of a kind of file."""
    if kind not in _KINDS:
        raise InputError(f"there is no schema `{kind}`", hint="one of " + ", ".join(_KINDS))
    schema: Schema = _include(_read(f"{kind}.json"))
    return schema


def _read(name: str) -> Any:
    return json.loads((resources.files("distgen.schema") / "json" / name).read_text("utf-8"))


def _include(schema: Any) -> Any:
    """Return a schema with the files in it that a `$ref` names: two kinds of file may share one.

    What stands beside such a `$ref` is added to what it names: a default, say.
    """
    if isinstance(schema, list):
        return [_include(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _include(value) for key, value in schema.items()}
    if not str(schema.get("$ref", "#")).startswith("#"):
        return _merge(_include(_read(schema.pop("$ref"))), schema)
    return schema


def _merge(base: Any, addition: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(addition, dict):
        return addition
    return base | {key: _merge(base.get(key), value) for key, value in addition.items()}


def check_document(kind: str, document: Document) -> dict[str, Any]:
    """Return a file's data with the types its schema means; raise InputError for a found."""
    data: dict[str, Any] = resolve_scalars(document.data, load_schema(kind))
    refuse_mistakes(_validator_of(kind), data, document.origin)
    return data


def compile_schema(schema: Schema) -> Draft202012Validator:
    """Compile a schema; it cannot reach the network and its formats are distgen's own."""
    return Draft202012Validator(schema, format_checker=_checker(), registry=Registry())


def refuse_mistakes(
    compiled: Draft202012Validator, data: Any, where: Where, at: KeyPath = ()
) -> None:
    """Raise InputError for the first mistake or line break in `data`, which stands at `at`."""
    errors = list(compiled.iter_errors(data))
    if errors:
        found = [explain_error(error, at) for error in errors]
        first = min(found, key=lambda one: where(one.key) or Origin(""))
        raise InputError(first.problem, where=where(first.key), hint=first.hint)
    schema = cast("Schema", compiled.schema)
    for key in _breaks(data, (schema,), schema, at):
        raise InputError(
            f"`{format_key(key)}` holds a line break or a control character",
            where=where(key),
            hint="write it on one line (`>-` folds lines into one)",
        )


def refuse_bad_schema(schema: Schema, where: Where, at: KeyPath) -> None:
    """Raise InputError when a template's own schema of a value is no JSON Schema."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        found = explain_error(error, at)
        raise InputError(found.problem, where=where(found.key), hint=found.hint) from None


def resolve_scalars(data: Any, schema: Schema) -> Any:
    """Return `data` with each `Scalar` as value or as text, whichever its schema takes."""
    return _plain(data, (schema,), schema)


def with_null_types(document: Document) -> Document:
    """Return a document in which a bare null among the types of a schema is the type "null"."""

    def meant(data: Any) -> Any:
        if isinstance(data, dict):
            inner = {key: meant(value) for key, value in data.items()}
            return {**inner, "type": _null_type(data["type"])} if "type" in data else inner
        return [meant(item) for item in data] if isinstance(data, list) else data

    return Document(document.path, meant(document.data), document.marks)


def with_declared_types(schema: Any) -> Any:
    """Return a proper schema of a value with its defaults and choices in the declared types."""
    if not isinstance(schema, dict):
        return schema
    own_type = {"type": schema["type"]} if "type" in schema else {}
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "default":
            result[key] = resolve_scalars(value, schema)
        elif key == "type":
            result[key] = _null_type(value)
        elif key in ("const", "enum", "examples"):
            result[key] = resolve_scalars(
                value, own_type if key == "const" else {"items": own_type}
            )
        elif key in ("properties", "patternProperties") and isinstance(value, dict):
            result[key] = {name: with_declared_types(inner) for name, inner in value.items()}
        elif isinstance(value, list):
            result[key] = [with_declared_types(inner) for inner in value]
        else:
            result[key] = with_declared_types(value)
    return result


def _null_type(types: Any) -> Any:
    return ["null" if one is None else one for one in types] if isinstance(types, list) else types


@cache
def _validator_of(kind: str) -> Draft202012Validator:
    return compile_schema(load_schema(kind))


@cache
def _checker() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name in CHECKS:
        checker.checks(name, raises=ValueError)(_raising(name))
    return checker


def _raising(name: str) -> Callable[[object], bool]:
    def passes(instance: object) -> bool:
        problem = format_problem(name, instance) if isinstance(instance, str) else ""
        if problem:
            raise ValueError(problem)
        return True

    return passes


def _plain(data: Any, schemas: Sequence[Any], root: Schema) -> Any:
    if isinstance(data, Scalar):
        return _meant(data, schemas, root)
    if isinstance(data, dict):
        places = list(_flat(schemas, root))
        return {key: _plain(value, _under(key, places), root) for key, value in data.items()}
    if isinstance(data, list):
        places = list(_flat(schemas, root))
        return [_plain(item, _item(index, places), root) for index, item in enumerate(data)]
    return data


def _meant(scalar: Scalar, schemas: Sequence[Any], root: Schema) -> int | float | str:
    types: set[str] = set()
    for schema in _flat(schemas, root):
        declared = schema.get("type", ())
        types.update((declared,) if isinstance(declared, str) else declared)
        types.update(_TYPES.get(type(choice), "") for choice in schema.get("enum", ()))
    own = _TYPES[type(scalar.value)]
    if "string" in types and own not in types and not (own == "integer" and "number" in types):
        return scalar.text
    return scalar.value


def _flat(schemas: Sequence[Any], root: Schema) -> Iterator[Mapping[str, Any]]:
    """Yield the schemas and all their alternatives, references followed."""
    for schema in schemas:
        if not isinstance(schema, dict):
            continue
        yield schema
        if "$ref" in schema:
            yield from _flat((root["$defs"][schema["$ref"].removeprefix("#/$defs/")],), root)
        for branch in _BRANCHES:
            if branch in schema:
                yield from _flat(schema[branch], root)


def _under(key: str, places: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return the schemas of what stands under a key; `key+` and `key-` are as `key`."""
    name = key[:-1] if key[-1:] in ("+", "-") else key
    found = []
    for place in places:
        properties = place.get("properties", {})
        if name in properties:
            found.append(properties[name])
        elif "additionalProperties" in place:
            found.append(place["additionalProperties"])
        found += place.get("patternProperties", {}).values()
    return found


def _item(index: int, places: Sequence[Mapping[str, Any]]) -> list[Any]:
    found = []
    for place in places:
        first = place.get("prefixItems", ())
        found.append(first[index] if index < len(first) else place.get("items"))
    return found


def _breaks(
    data: Any, schemas: Sequence[Any], root: Schema, at: KeyPath, free: bool = False
) -> Iterator[KeyPath]:
    """Yield where text holds control characters; line breaks are fine below `multiline: true`."""
    if not isinstance(data, str | dict | list):
        return
    if isinstance(data, str) and data.isprintable():
        return
    places = list(_flat(schemas, root))
    free = free or any(place.get("multiline") is True for place in places)
    if isinstance(data, str):
        if CONTROL.search(_BREAKS.sub("", data) if free else data):
            yield at
    elif isinstance(data, dict):
        for key, value in data.items():
            if CONTROL.search(key):
                yield (*at, key)
            yield from _breaks(value, _under(key, places), root, (*at, key), free)
    else:
        for index, item in enumerate(data):
            yield from _breaks(item, _item(index, places), root, (*at, index), free)
