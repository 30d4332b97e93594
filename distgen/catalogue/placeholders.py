"""Fills `{name}` in addresses, references and tags with values, and nothing cleverer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from distgen.errors import InputError
from distgen.text.suggest import did_you_mean

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_TABLE = re.compile(rf"\{{({_NAME})\[({_NAME})\]\}}")
_PART = re.compile(rf"\{{\{{|\}}\}}|\{{({_NAME})(?:\[({_NAME})\])?\}}|[{{}}]")


def placeholder_names(text: str) -> Iterable[str]:
    """Return the names that `text` asks for."""
    return [name for part in _PART.finditer(text) for name in part.groups() if name]


def fill_placeholders(text: str, values: Mapping[str, Any], where: object) -> str:
    """Return `text` with each `{name}` replaced by that value, which must be text.

    `{table[name]}` is the entry of a map that the value `name` chooses. The entry may hold
    `{name}`, and no further table.
    """

    def replacement(part: re.Match[str]) -> str:
        table, chooser = part.groups()
        if part.group() in ("{{", "}}"):
            return part.group()[0]
        if table is None:
            problem = f"`{text}` holds a single `{part.group()}`"
            raise InputError(problem, where=where, hint="double a real brace")
        if chooser is None:
            return _text_value(text, table, values, where)
        return _choose_entry(text, part, values, where)

    return _PART.sub(replacement, text) if "{" in text or "}" in text else text


def fill_tables(text: str, values: Mapping[str, Any], where: object) -> str:
    """Return `text` with each `{table[name]}` replaced alone: prose may have braces of its own."""
    return _TABLE.sub(lambda part: _choose_entry(text, part, values, where), text)


def _choose_entry(text: str, part: re.Match[str], values: Mapping[str, Any], where: object) -> str:
    table, chooser = part.groups()
    key = _text_value(text, chooser, values, where)
    entry = _find_entry(text, (table, key), values, where)
    return _PART.sub(lambda inner: _fill_entry(entry, inner, values, where), entry)


def _fill_entry(entry: str, part: re.Match[str], values: Mapping[str, Any], where: object) -> str:
    if part.group(2):
        problem = f"`{entry}` is the entry of a table, and asks for that of another"
        raise InputError(problem, where=where)
    return fill_placeholders(part.group(), values, where)


def _text_value(text: str, name: str, values: Mapping[str, Any], where: object) -> str:
    value = _find_value(text, name, values, where)
    if not isinstance(value, str):
        problem = f"`{text}` asks for `{{{name}}}`, and that value is not text"
        raise InputError(problem, where=where)
    return value


def _find_value(text: str, name: str, values: Mapping[str, Any], where: object) -> Any:
    if name not in values:
        raise InputError(
            f"`{text}` asks for `{{{name}}}`, which has no value here",
            where=where,
            hint=did_you_mean(name, values),
        )
    return values[name]


def _find_entry(text: str, place: tuple[str, str], values: Mapping[str, Any], where: object) -> str:
    table, key = place
    entries = _find_value(text, table, values, where)
    if not isinstance(entries, Mapping):
        raise InputError(f"`{text}` looks into `{table}`, which is no table", where=where)
    entry = entries.get(key)
    if not isinstance(entry, str):
        problem = f"`{text}` asks `{table}` for `{key}`, and there is no such text"
        raise InputError(problem, where=where, hint=did_you_mean(key, entries))
    return entry
