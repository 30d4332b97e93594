"""Says in one sentence why data does not fit its JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from distgen.model.words import KeyPath
from distgen.schema.formats import SECRET_FORMATS
from distgen.text.characters import HIDDEN
from distgen.text.suggest import did_you_mean, suggest_nearest

_NOUNS = {
    "string": "text",
    "object": "a mapping",
    "array": "a list",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}
_LIMITS = {
    "minLength": "is empty or too short",
    "maxLength": "is longer than {} characters",
    "minItems": "needs at least {} item(s)",
    "maxItems": "takes at most {} item(s)",
    "minProperties": "needs at least {} key(s)",
    "maxProperties": "takes at most {} key(s)",
    "minimum": "is less than {}",
    "maximum": "is more than {}",
    "exclusiveMinimum": "is not more than {}",
    "exclusiveMaximum": "is not less than {}",
    "multipleOf": "is not a multiple of {}",
    "uniqueItems": "holds the same item twice",
    "pattern": "does not match `{}`",
}


if TYPE_CHECKING:
    from jsonschema.exceptions import SchemaError, ValidationError

_Error: TypeAlias = "ValidationError | SchemaError"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake: the key path it is about, what is wrong, and what to do."""

    key: KeyPath
    problem: str
    hint: str = ""


def format_key(key: KeyPath) -> str:
    """Write a key path as people do: `streams.master.tags[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return _visible(text.removeprefix("."))


def format_value(value: Any) -> str:
    """Write a value on one short line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = _visible(text)
    return text if len(text) <= 60 else text[:57] + "..."


def _visible(text: str) -> str:
    return HIDDEN.sub(lambda sign: repr(sign.group())[1:-1], text)


def explain_error(error: _Error, at: KeyPath = ()) -> Mistake:
    """Return the mistake behind a validation error in data at the key `at`."""
    key: KeyPath = (*at, *error.absolute_path)
    keyword = str(error.validator)
    if keyword in ("anyOf", "oneOf") and error.context:
        return explain_error(_likeliest(error), at)
    if "propertyNames" in error.absolute_schema_path:
        return _bad_key(error, key)
    if keyword == "additionalProperties":
        return _unknown_key(error, key)
    if keyword == "required":
        names: Any = error.validator_value
        absent = next(name for name in names if name not in _keys(error))
        place = f" in `{format_key(key)}`" if key else ""
        return Mistake(key, f"the key `{absent}` is missing{place}")
    if keyword == "dependentRequired":
        present, absent = _unmet_dependency(error)
        return Mistake((*key, present), f"the key `{present}` needs `{absent}` beside it")
    return _bad_value(error, key, keyword)


def _unmet_dependency(error: _Error) -> tuple[str, str]:
    """Return a key that needs another one, and the one that it needs."""
    needs: Any = error.validator_value
    return next(
        (present, absent)
        for present, companions in needs.items()
        if present in _keys(error)
        for absent in companions
        if absent not in _keys(error)
    )


def _keys(error: _Error) -> Mapping[str, Any]:
    return error.instance if isinstance(error.instance, Mapping) else {}


def _bad_key(error: _Error, key: KeyPath) -> Mistake:
    name = str(error.instance)
    problem = str(error.cause) if error.cause else "is not a key that is allowed here"
    # An address in a lock or under `mirrors` is a key, and the message repeated its password.
    if error.validator_value in SECRET_FORMATS and "@" in name:
        place = f"a key of `{format_key(key)}`" if key else "a key"
        return Mistake((*key, name), f"{place} {problem}")
    return Mistake((*key, name), f"the key `{format_value(name)}` {problem}")


def _unknown_key(error: _Error, key: KeyPath) -> Mistake:
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    names = list(schema.get("properties", ()))
    patterns = schema.get("patternProperties", ())
    extra = next(
        name
        for name in _keys(error)
        if name not in names and not any(re.search(pattern, name) for pattern in patterns)
    )
    place = f" in `{format_key(key)}`" if key else ""
    hint = did_you_mean(str(extra), names)
    return Mistake((*key, extra), f"unknown key `{format_value(extra)}`{place}", hint)


def _bad_value(error: _Error, key: KeyPath, keyword: str) -> Mistake:
    name = f"`{format_key(key)}`"
    setting = (
        f"`{format_key(key)}: {format_value(error.instance)}`"
        if key
        else f"`{format_value(error.instance)}`"
    )
    value: Any = error.validator_value
    if keyword == "type":
        return Mistake(key, f"{name} must be {_types(value)}, not {_kind(error.instance)}")
    if keyword == "enum":
        words = [format_value(word) for word in value]
        hint = suggest_nearest(str(error.instance), words) or _hint_of(error)
        return Mistake(key, f"{setting} is not one of {', '.join(words)}", hint)
    if keyword == "const":
        return Mistake(key, f"{setting} must be {format_value(value)}")
    if keyword == "format":
        problem = str(error.cause) if error.cause else f"is not a valid {value}"
        if isinstance(error.cause, re.error):
            problem = f"is not a regular expression: {problem}"
        return Mistake(key, f"{name if value in SECRET_FORMATS else setting} {problem}")
    if keyword in _LIMITS:
        return Mistake(key, f"{setting} {_LIMITS[keyword].format(value)}")
    return Mistake(key, f"{setting} is not what the schema asks for (`{keyword}`)")


def _hint_of(error: _Error) -> str:
    """Return what a schema says of all other values, "" for nothing."""
    return str(error.schema.get("hint", "")) if isinstance(error.schema, Mapping) else ""


def _likeliest(error: _Error) -> ValidationError:
    """Return the mistake in the alternative of the right type, which was probably meant."""
    context = error.context or []
    alternatives: dict[object, list[ValidationError]] = {}
    for inner in context:
        alternatives.setdefault(inner.relative_schema_path[0], []).append(inner)
    for errors in alternatives.values():
        if not any(inner.validator == "type" and not inner.relative_path for inner in errors):
            return errors[0]
    return _any_type_error(context)


def _any_type_error(context: Sequence[ValidationError]) -> ValidationError:
    """Return one error that names the types of all alternatives."""
    types: list[str] = []
    for inner in context:
        value: Any = inner.validator_value if inner.validator == "type" else ()
        types += [value] if isinstance(value, str) else value
    error = type(context[0]).create_from(context[0])
    error.validator_value = list(dict.fromkeys(types))
    return error


def _types(types: Any) -> str:
    words = [types] if isinstance(types, str) else list(types)
    return " or ".join(_NOUNS.get(word, word) for word in words)


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, str):
        return f"the text `{format_value(value)}`"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list) else f"`{format_value(value)}`"
