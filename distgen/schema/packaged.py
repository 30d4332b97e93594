"""Reads the JSON Schemas that travel in the package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from distgen.errors import InputError
from distgen.schema.check import compile_schema
from distgen.schema.rules import with_rules
from distgen.schema.sources import with_sources
from distgen.schema.subschemas import Schema

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

KINDS = (
    *("config", "template", "namespace", "image", "tests", "lock", "facts"),
    *("list", "results", "findings", "changes", "diff", "affected", "report"),
    *("events", "verify", "adopt", "matrix", "build", "build-events", "digests"),
    *("lock-changes", "lock-problems", "tags", "discover", "promote", "prune"),
    *("import", "doctor", "format"),
)
"""The kinds of file, and of what commands print, that have a schema."""


@cache
def load_schema(kind: str) -> Schema:
    """Return the JSON Schema (2020-12) of a kind of file."""
    if kind not in KINDS:
        raise InputError(f"there is no schema `{kind}`", hint="one of " + ", ".join(KINDS))
    schema: Schema = _include(_read(f"{kind}.json"))
    if kind != "namespace":
        return schema
    return with_rules(with_sources(schema, source_texts()), _read("rules.json"))


def source_texts() -> Mapping[str, Mapping[str, str]]:
    """Return the texts of the schema for each source of images, by the word for `source`."""
    texts: dict[str, dict[str, str]] = _read("sources.json")
    return texts


@cache
def validator_of(kind: str) -> Draft202012Validator:
    """Return the compiled schema of a kind of file."""
    return compile_schema(load_schema(kind))


def _read(name: str) -> Any:
    return json.loads((resources.files("distgen.schema") / "json" / name).read_text("utf-8"))


def _include(schema: Any) -> Any:
    """Return a schema with the files in it that a `$ref` names: two kinds of file may share one.

    The keys beside such a `$ref` are added to the file: a default, say.
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
