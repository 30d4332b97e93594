"""Checks data against a JSON Schema and names the first mistake in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from distgen.errors import InputError
from distgen.model.words import KeyPath, Origin
from distgen.schema.formats import CHECKS, format_problem
from distgen.schema.messages import explain_error, format_key
from distgen.schema.scalars import resolve_scalars
from distgen.schema.subschemas import Schema, alternatives, schemas_of_item, schemas_of_key
from distgen.schema.yaml import Document
from distgen.text.characters import HIDDEN, describe_character

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, FormatChecker

FindOrigin = Callable[[KeyPath], Origin | None]
Check: TypeAlias = "Callable[[Draft202012Validator, Any, FindOrigin, KeyPath], None]"
_LINE_BREAKS_AND_TABS = re.compile(r"[\n\t]")
_LINE_BREAK_OR_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def check_document(validator: Draft202012Validator, document: Document) -> dict[str, Any]:
    """Return a file's data in the types that its schema means; raise InputError for a mistake."""
    schema = cast("Schema", validator.schema)
    data: dict[str, Any] = resolve_scalars(document.data, schema)
    refuse_mistakes(validator, data, document.origin)
    return data


def compile_schema(schema: Schema) -> Draft202012Validator:
    """Compile a schema; it cannot reach the network and its formats are distgen's own."""
    # Its import takes longer than most runs, which find their files read already.
    from jsonschema import Draft202012Validator
    from referencing import Registry

    # A `$ref` of a template's schema would otherwise be fetched from the web.
    return Draft202012Validator(schema, format_checker=_format_checker(), registry=Registry())


def refuse_mistakes(
    validator: Draft202012Validator, data: Any, find_origin: FindOrigin, at: KeyPath = ()
) -> None:
    """Raise InputError for the first mistake or line break in `data`, the value of the key `at`."""
    errors = list(validator.iter_errors(data))
    if errors:
        mistakes = [explain_error(error, at) for error in errors]
        first = min(mistakes, key=lambda mistake: find_origin(mistake.key) or Origin(""))
        raise InputError(first.problem, where=find_origin(first.key), hint=first.hint)
    schema = cast("Schema", validator.schema)
    for key, character in _hidden_characters(data, (schema,), schema, at):
        problem, hint = _describe_hidden(character)
        raise InputError(f"`{format_key(key)}` {problem}", where=find_origin(key), hint=hint)


def _describe_hidden(character: str) -> tuple[str, str]:
    if _LINE_BREAK_OR_CONTROL.match(character):
        hint = "write it on one line (`>-` folds lines into one)"
        return "holds a line break or a control character", hint
    return f"holds {describe_character(character)}, which no reader sees", "remove it"


def refuse_bad_schema(schema: Schema, find_origin: FindOrigin, at: KeyPath) -> None:
    """Raise InputError when a template's own schema of a value is not a JSON Schema."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        mistake = explain_error(error, at)
        where = find_origin(mistake.key)
        raise InputError(mistake.problem, where=where, hint=mistake.hint) from None
    except (OverflowError, RecursionError) as error:  # of a regular expression, while it is read
        problem = f"`{format_key(at)}` holds a pattern that cannot be read: {error}"
        raise InputError(problem, where=find_origin(at)) from None


@cache
def _format_checker() -> FormatChecker:
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    for name in CHECKS:
        checker.checks(name, raises=ValueError)(_format_check(name))
    return checker


def _format_check(name: str) -> Callable[[object], bool]:
    def passes(instance: object) -> bool:
        problem = format_problem(name, instance) if isinstance(instance, str) else ""
        if problem:
            raise ValueError(problem)
        return True

    return passes


def _hidden_characters(
    data: Any, schemas: Sequence[Any], root: Schema, at: KeyPath, multiline: bool = False
) -> Iterator[tuple[KeyPath, str]]:
    """Yield keys of text with hidden characters; line breaks are fine below `multiline: true`."""
    if not isinstance(data, str | dict | list):
        return
    if isinstance(data, str) and data.isascii() and data.isprintable():
        return
    places = list(alternatives(schemas, root))
    multiline = multiline or any(place.get("multiline") is True for place in places)
    if isinstance(data, str):
        text = _LINE_BREAKS_AND_TABS.sub("", data) if multiline else data
        if hidden := HIDDEN.search(text):
            yield at, hidden.group()
    elif isinstance(data, dict):
        for key, value in data.items():
            if hidden := HIDDEN.search(key):
                yield (*at, key), hidden.group()
            inner = schemas_of_key(key, places)
            yield from _hidden_characters(value, inner, root, (*at, key), multiline)
    else:
        for index, item in enumerate(data):
            inner = schemas_of_item(index, places)
            yield from _hidden_characters(item, inner, root, (*at, index), multiline)
