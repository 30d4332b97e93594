"""Render a container image template of TripleO, a Jinja2 template of YAML, into its text.

The format, and what each placeholder means, are those of tripleo-common's
container-images/*.yaml.j2, from the first of June 2017 on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from distgen.errors import InputError
from distgen.model.words import Origin
from distgen.render.errors import FAILURES, calls


class AskableUndefined(jinja2.Undefined):
    """A value nobody gave: templates may ask whether it is there, but not print it."""

    def __str__(self) -> str:
        return str(self._fail_with_undefined_error())

    __html__ = __str__


def render_template(template: Path, values: Mapping[str, Any]) -> str:
    """Return the text that a template gives with these values; files beside it may be included."""
    loader = jinja2.FileSystemLoader(template.parent)
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=AskableUndefined,
        finalize=lambda value: "" if value is None else value,
    )
    # a template asks whether `namespace` was given, which is also one of Jinja's own functions
    environment.globals.clear()
    try:
        return _printed(environment.get_template(template.name), _hyphenated(values))
    except jinja2.TemplateNotFound as error:
        what = f"includes {error.name}, which is not beside it"
        if error.name == template.name:
            what = "there is no such template"
        raise InputError(what, where=template) from None
    except jinja2.UndefinedError as error:
        hint = "give it with --set NAME=VALUE or --defaults FILE"
        raise InputError(str(error), where=_place(error, template), hint=hint) from None
    except FAILURES as error:
        what = str(error) or f"the template cannot be rendered ({type(error).__name__})"
        raise InputError(what, where=_place(error, template)) from None


def _printed(template: jinja2.Template, values: Mapping[str, Any]) -> str:
    """Render without Jinja's rewriting of tracebacks, which would hide the template's lines."""
    return "".join(template.root_render_func(template.new_context(dict(values))))


def _place(error: BaseException, template: Path) -> Origin:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return Origin(error.filename or str(template), error.lineno)
    found = calls(error.__traceback__)
    return found[-1] if found else Origin(str(template))


def _hyphenated(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give a prefix its hyphen behind and a suffix its hyphen in front."""
    given = dict(values)
    prefix, suffix = given.get("name_prefix"), given.get("name_suffix")
    if prefix and not str(prefix).endswith("-"):
        given["name_prefix"] = f"{prefix}-"
    if suffix and not str(suffix).startswith("-"):
        given["name_suffix"] = f"-{suffix}"
    return given
