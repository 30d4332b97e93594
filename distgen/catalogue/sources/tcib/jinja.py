"""Fill templates as Ansible does: variables that hold templates are filled where they are used.

A text that is one expression gives the value of that expression, others give text.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, Template
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from distgen.model.words import KeyPath
from distgen.render.errors import FAILURES, OutOfTime

_MARKS = ("{{", "{%", "{#")
_VARIABLES = "variables of this image"  # no template can spell it


class FillError(Exception):
    """What is wrong with the text at a key of the variables; no key is for the file itself."""

    def __init__(self, problem: str, key: KeyPath = ()) -> None:
        super().__init__(problem)
        self.problem = problem
        self.key = key


class Variables:
    """The variables of one image, each filled when it is first asked for."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self._filled: dict[str, Any] = {}
        self._open: list[str] = []

    def value(self, name: str) -> Any:
        """Return a variable, jinja2.runtime.missing where there is none."""
        if name in self._filled:
            return self._filled[name]
        if name not in self._raw:
            return missing
        if name in self._open:
            raise FillError(f"`{name}` is made from itself", (name,))
        self._open.append(name)
        self._filled[name] = self._fill(self._raw[name], (name,))
        self._open.pop()
        return self._filled[name]

    def fill_file(self, text: str, path: str) -> str:
        """Return the text that the template of a file gives; raise what Jinja raises, FillError."""
        template = compile_file_template(text, path)
        # as template.render does, but for the rewriting of tracebacks, which hides the lines
        context = template.new_context({_VARIABLES: self})
        return "".join(template.root_render_func(context))

    def _fill(self, value: Any, key: KeyPath) -> Any:
        if isinstance(value, Mapping):
            return {name: self._fill(inner, (*key, name)) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._fill(inner, (*key, index)) for index, inner in enumerate(value)]
        if not isinstance(value, str) or not any(mark in value for mark in _MARKS):
            return value
        try:
            return compile_value_template(value).render({_VARIABLES: self})
        except (FillError, MemoryError, OutOfTime):
            raise  # of a variable that this one uses: that is where the mistake is
        except RecursionError:
            raise FillError("is nested too deeply", key) from None
        except FAILURES as error:
            raise FillError(str(error) or type(error).__name__, key) from None


class AnsibleContext(Context):
    """Looks names up among the variables of an image."""

    def resolve_or_missing(self, key: str) -> Any:
        value = super().resolve_or_missing(key)
        if value is missing and _VARIABLES in self.parent:
            return self.parent[_VARIABLES].value(key)
        return value


def _nothing_for_none(value: Any) -> Any:
    return "" if value is None else value


def _join(parts: Iterable[Any]) -> Any:
    """Return what stands alone as it is, and several parts as one text."""
    values = list(parts)
    if len(values) == 1:
        return values[0]
    return "".join(str(_nothing_for_none(value)) for value in values)


class AnsibleSandbox(ImmutableSandboxedEnvironment):
    """The environment of files: blocks leave no empty lines, and the last newline stays."""

    context_class = AnsibleContext

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            trim_blocks=True,
            keep_trailing_newline=True,
            finalize=_nothing_for_none,
            autoescape=False,
        )
        self.filters.update(FILTERS)
        for name in ("cycler", "joiner", "lipsum"):
            del self.globals[name]


class _NativeTemplate(Template):
    def render(self, *args: Any, **kwargs: Any) -> Any:
        context = self.new_context(dict(*args, **kwargs))
        return self.environment.concat(self.root_render_func(context))


class _ValueCodeGenerator(NativeCodeGenerator):
    def _output_const_repr(self, group: Iterable[Any]) -> str:
        """Keep the type of a constant that stands alone; Jinja would make it text."""
        return repr(_join(group))


class ValueSandbox(AnsibleSandbox):
    """The environment of values: one expression keeps its type."""

    code_generator_class = _ValueCodeGenerator
    template_class = _NativeTemplate

    def __init__(self) -> None:
        super().__init__()
        self.finalize = None

    @staticmethod
    def concat(parts: Iterable[Any]) -> Any:
        return _join(parts)


@cache
def compile_file_template(text: str, path: str) -> Template:
    """Return the template of a file; errors name its `path`."""
    environment = AnsibleSandbox()
    code = environment.compile(text, path, path)
    return Template.from_code(environment, code, environment.globals)


@cache
def compile_value_template(text: str) -> Template:
    """Return the template of a value."""
    return _value_sandbox().from_string(text)


@cache
def _value_sandbox() -> ValueSandbox:
    return ValueSandbox()


def _combine(*maps: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for inner in maps:
        merged |= inner
    return merged


def _to_bool(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    return str(value).lower() in ("yes", "on", "1", "true", "y", "t")


def _ternary(value: Any, yes: Any, no: Any) -> Any:
    return yes if value else no


def _flatten(items: Iterable[Any]) -> list[Any]:
    flat: list[Any] = []
    for item in items:
        flat += _flatten(item) if isinstance(item, list | tuple) else [item]
    return flat


def _unique(items: Iterable[Any]) -> list[Any]:
    result: list[Any] = []
    for item in items:
        if item not in result:
            result.append(item)
    return result


def _difference(left: Iterable[Any], right: Iterable[Any]) -> list[Any]:
    right_items = list(right)
    return _unique(item for item in left if item not in right_items)


def _intersect(left: Iterable[Any], right: Iterable[Any]) -> list[Any]:
    right_items = list(right)
    return _unique(item for item in left if item in right_items)


def _union(left: Iterable[Any], right: Iterable[Any]) -> list[Any]:
    return _unique([*left, *right])


def _regex_replace(text: Any, pattern: str, replacement: str = "") -> str:
    return re.sub(pattern, replacement, str(text))


FILTERS: Mapping[str, Callable[..., Any]] = {
    "basename": posixpath.basename,
    "bool": _to_bool,
    "combine": _combine,
    "difference": _difference,
    "dirname": posixpath.dirname,
    "flatten": _flatten,
    "intersect": _intersect,
    "quote": lambda value: shlex.quote(str(value)),
    "regex_replace": _regex_replace,
    "split": lambda text, separator=None: str(text).split(separator),
    "ternary": _ternary,
    "to_json": json.dumps,
    "union": _union,
    "unique": _unique,
}
"""Filters of Ansible that image files use, beside those of Jinja."""
