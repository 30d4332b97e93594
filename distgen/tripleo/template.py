"""Render a container image template of TripleO, a Jinja2 template of YAML, into its text.

The format, and what each placeholder means, are those of tripleo-common's
container-images/*.yaml.j2, from the first of June 2017 on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jinja2

from distgen.errors import InputError
from distgen.model.words import Origin
from distgen.render.errors import FAILURES, LIMITS_HINT, limit_problem, template_calls
from distgen.render.values_as_text import TEXT_FILTERS, DataSandbox, refuse_foreign
from distgen.text.characters import half_character_problem


@dataclass(frozen=True)
class TemplateSource:
    """A template: its name for `loader`, which also finds the files that it includes.

    `path` is its name in messages.
    """

    name: str
    path: str
    loader: jinja2.BaseLoader


Render = Callable[[TemplateSource, Mapping[str, Any]], str]
"""Renders a template with values, as `render_template` does."""


class AskableUndefined(jinja2.Undefined):
    """A value that was not given: templates may ask whether it is there, but not print it."""

    def __str__(self) -> str:
        return str(self._fail_with_undefined_error())

    __html__ = __str__


def render_template(template: TemplateSource, values: Mapping[str, Any]) -> str:
    """Return the text that a template gives with these values; files beside it may be included."""
    # The template comes from another project: it may compute, but not run code.
    environment = DataSandbox(
        loader=template.loader,
        undefined=AskableUndefined,
        finalize=_as_printed,
    )
    environment.filters.update(TEXT_FILTERS)
    # a template asks whether `namespace` was given, which is also one of Jinja's own functions
    environment.globals.clear()
    try:
        text = _text_of(environment.get_template(template.name), _add_hyphens(values))
    except jinja2.TemplateNotFound as error:
        problem = f"includes {error.name}, which is not beside it"
        if error.name == template.name:
            problem = "there is no such template"
        raise InputError(problem, where=template.path) from None
    except jinja2.UndefinedError as error:
        hint = "give it with --set NAME=VALUE or --defaults FILE"
        raise InputError(str(error), where=_line_of(error, template.path), hint=hint) from None
    except FAILURES as error:
        if problem := limit_problem(error):
            where = _line_of(error, template.path)
            raise InputError(problem, where=where, hint=LIMITS_HINT) from None
        problem = str(error) or f"the template cannot be rendered ({type(error).__name__})"
        raise InputError(problem, where=_line_of(error, template.path)) from None
    if problem := half_character_problem(text):
        raise InputError(problem, where=template.path)
    return text


def _as_printed(value: Any) -> Any:
    if value is None:
        return ""
    refuse_foreign(value)
    return value


def _text_of(template: jinja2.Template, values: Mapping[str, Any]) -> str:
    """Render without Jinja's rewriting of tracebacks, which would hide the template's lines."""
    return "".join(template.root_render_func(template.new_context(dict(values))))


def _line_of(error: BaseException, path: str) -> Origin:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return Origin(error.filename or path, error.lineno)
    lines = template_calls(error.__traceback__)
    return lines[-1] if lines else Origin(path)


def _add_hyphens(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give a prefix its hyphen behind and a suffix its hyphen in front."""
    result = dict(values)
    prefix, suffix = result.get("name_prefix"), result.get("name_suffix")
    if prefix and not str(prefix).endswith("-"):
        result["name_prefix"] = f"{prefix}-"
    if suffix and not str(suffix).startswith("-"):
        result["name_suffix"] = f"-{suffix}"
    return result
