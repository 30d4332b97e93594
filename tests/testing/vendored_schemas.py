"""The schemas of other tools that check-jsonschema brings, and YAML as their readers read it."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from ruamel.yaml import YAML


@cache
def _validator(name: str) -> Any:
    schema = get_builtin_schema(f"vendor.{name}")
    return validator_for(schema, default=Draft202012Validator)(schema)


def schema_problems(name: str, data: object) -> list[str]:
    """Return what a vendored schema says against data, by the place in it."""
    errors = _validator(name).iter_errors(data)
    return sorted(f"{error.json_path}: {error.message[:200]}" for error in errors)


def read_portable_yaml(text: str) -> Any:
    """Return data that readers of YAML 1.1 and 1.2 agree on; keys stand there once."""
    strict = YAML(typ="safe", pure=True)
    strict.version = (1, 2)  # type: ignore[assignment]
    data = strict.load(io.StringIO(text))
    assert yaml.safe_load(text) == data
    return data
