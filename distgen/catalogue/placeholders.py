"""Fills `{name}` in addresses, references and tags with values, and nothing cleverer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from distgen.errors import InputError
from distgen.text.suggest import did_you_mean

_PART = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]")


def placeholder_names(text: str) -> Iterable[str]:
    """Return the names that `text` asks for."""
    return [part.group(1) for part in _PART.finditer(text) if part.group(1)]


def fill_placeholders(text: str, values: Mapping[str, Any], where: object) -> str:
    """Return `text` with each `{name}` replaced by that value, which must be text."""

    def replacement(part: re.Match[str]) -> str:
        name = part.group(1)
        if part.group() in ("{{", "}}"):
            return part.group()[0]
        if name is None:
            problem = f"`{text}` holds a single `{part.group()}`"
            raise InputError(problem, where=where, hint="double a real brace")
        if name not in values:
            raise InputError(
                f"`{text}` asks for `{{{name}}}`, which has no value here",
                where=where,
                hint=did_you_mean(name, values),
            )
        if not isinstance(values[name], str):
            problem = f"`{text}` asks for `{{{name}}}`, and that value is not text"
            raise InputError(problem, where=where)
        return str(values[name])

    return _PART.sub(replacement, text) if "{" in text or "}" in text else text
