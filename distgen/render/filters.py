"""The filters of templates: each quotes a value for the format around it."""

from __future__ import annotations

import dataclasses
import json as json_format
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import FilterArgumentError
from jinja2.filters import FILTERS as JINJA_FILTERS

from distgen.render.values_as_text import TEXT_FILTERS, refuse_foreign
from distgen.schema.yaml_writer import dump_yaml

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
LARGE = 100_000
# Fields whose width would fill the memory, or comes from a value: %999999d, %*d, {:{width}}
WIDE_PERCENT = re.compile(r"%(?:\([^)]*\))?[-+ #0]*\d*\.?(?:\d{6}|\*)")
WIDE_BRACES = re.compile(r"\{[^{}:]*:[^{}]*(?:\d{6}|\{)")

# Random, different with each interpreter, or about web pages only.
REMOVED = ("random", "pprint", "urlize", "xmlattr", "tojson", "safe", "forceescape", "striptags")


def printable(value: Any) -> Any:
    """Return what `{{ value }}` prints: text and numbers as they are, `true` and `false`.

    A list, a map or nothing would print Python's own notation, which no file can use.
    """
    kind = type(value)
    if kind is str or kind is int:
        return value
    if kind is bool:
        return "true" if value else "false"
    if isinstance(value, Iterable) and not isinstance(value, (str, Undefined)):
        raise FilterArgumentError(
            "a list or map cannot be printed as it is; use lines, sh, json, yaml, exec_form or join"
        )
    refuse_foreign(value)
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, (str, int, float, Undefined)):
        raise FilterArgumentError(f"{name} takes text or a number, not {_describe_type(value)}")
    text = str(printable(value))
    bad = None if text.isprintable() else CONTROL.search(text)
    if bad:
        raise FilterArgumentError(
            f"{name} refuses the control character U+{ord(bad.group()):04X} in {text[:60]!r}; "
            "a value here is one line"
        )
    return text


def _items(value: Any, name: str) -> list[Any]:
    if isinstance(value, Undefined):
        str(value)
    if isinstance(value, (str, int, float, Mapping)) or not isinstance(value, Iterable):
        raise FilterArgumentError(f"{name} takes a list, not {_describe_type(value)}")
    return list(value)


def _describe_type(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "a map"
    return "a list" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"


def dq(value: Any, expand: bool = False) -> str:
    """Write a double-quoted word of a Dockerfile: `ENV KEY={{ value | dq }}`, `LABEL`, `WORKDIR`.

    Quotes, backslashes and dollars are escaped; `dq(expand=True)` lets `$VAR` through. It is for
    words that the builder reads itself; inside RUN a shell reads them, so use `sh` there.
    """
    text = _text(value, "dq").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"' if expand else f'"{text}"'.replace("$", "\\$")


def sh(value: Any) -> str:
    """Write a word for a POSIX shell, quoted where needed; a list becomes several words."""
    if isinstance(value, (list, tuple)):
        return " ".join(shlex.quote(_text(item, "sh")) for item in value)
    return shlex.quote(_text(value, "sh"))


def exec_form(value: Any) -> str:
    """Write a list as a JSON array: `CMD {{ command | exec_form }}`, ENTRYPOINT, SHELL."""
    words = [_text(item, "exec_form") for item in _items(value, "exec_form")]
    return json_format.dumps(words, ensure_ascii=False)


def lines(value: Any, indent: int = 4) -> str:
    """Write a list as words for a shell on lines of their own, joined by ` \\` and `indent` blanks.

    Each item is quoted as by `sh`. A map is written as `KEY="value"` words quoted as by `dq`, for
    ENV and LABEL. An empty list is refused: the instruction around it would be cut in two.
    """
    if isinstance(value, Mapping):
        words = [f"{_key(key)}={dq(item)}" for key, item in value.items()]
    else:
        words = [sh(_text(item, "lines")) for item in _items(value, "lines")]
    if not words:
        raise FilterArgumentError("lines takes at least one item; put an if around the instruction")
    return f" \\\n{' ' * indent}".join(words)


def _key(key: Any) -> str:
    text = _text(key, "lines")
    return text if WORD.fullmatch(text) else dq(text)


def json(value: Any, indent: int | None = None) -> str:
    """Write any value as JSON, on one line unless `indent` is given."""
    return json_format.dumps(_plain(value), ensure_ascii=False, indent=indent, allow_nan=False)


def yaml(value: Any, indent: int = 0) -> str:
    """Write any value as YAML; all lines but the first are indented by `indent` blanks.

    A list or map begins on its own line in the template: `  {{ value | yaml(2) }}`.
    """
    text = dump_yaml(_plain(value), width=10_000).removesuffix("...\n").rstrip("\n")
    return text.replace("\n", "\n" + " " * indent)


def _plain(value: Any) -> Any:
    """Return the value in the types that JSON and YAML know."""
    if isinstance(value, Undefined):
        str(value)
    if isinstance(value, Mapping):
        for key in value:
            refuse_foreign(key)
        return {str(key): _plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: _plain(getattr(value, field.name)) for field in fields}
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    raise FilterArgumentError(f"a {type(value).__name__} cannot be written as data")


def with_limits(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the filter, refusing numbers that would make it fill the memory."""

    def call(*args: Any, **options: Any) -> Any:
        for option in (*args, *options.values()):
            if type(option) is int and option > LARGE:
                raise FilterArgumentError(f"{option} is too large here; the limit is {LARGE}")
        return function(*args, **options)

    call.__dict__.update(function.__dict__)  # Jinja's mark that it takes the environment
    return call


def format_values(value: Any, *args: Any, **options: Any) -> Any:
    """Write values as printf does: `{{ "%s-%02d" | format(name, number) }}`."""
    if WIDE_PERCENT.search(str(value)):
        raise FilterArgumentError(f"the width in {str(value)!r} is too large")
    for argument in (value, *args, *options.values()):
        refuse_foreign(argument)
    return JINJA_FILTERS["format"](value, *args, **options)


DISTGEN_FILTERS = {
    "dq": dq,
    "sh": sh,
    "exec_form": exec_form,
    "lines": lines,
    "json": json,
    "yaml": yaml,
}
BOUNDED_FILTERS = {
    name: with_limits(TEXT_FILTERS.get(name, JINJA_FILTERS[name]))
    for name in ("batch", "center", "indent", "slice")
}
FILTERS: dict[str, Callable[..., Any]] = {
    **{name: call for name, call in JINJA_FILTERS.items() if name not in REMOVED},
    **TEXT_FILTERS,
    **BOUNDED_FILTERS,
    "format": format_values,
    **DISTGEN_FILTERS,
}
