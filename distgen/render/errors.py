"""Turn what Jinja raises into one sentence: the line of the template, the fault and a hint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from jinja2 import Environment, Template, TemplateNotFound, TemplateSyntaxError
from jinja2.exceptions import TemplateError

from distgen.errors import InputError
from distgen.model.catalogue import Image
from distgen.model.words import Origin
from distgen.text.suggest import did_you_mean, suggest_nearest


class OutOfTime(BaseException):
    """A template took more processor time than an image may; no template can swallow it."""


# What an expression of a template can raise: Jinja's own, and Python's for wrong operands.
FAILURES = (
    TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    OutOfTime,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)

LIMITS_HINT = "mend it, or raise `render.limits` in distgen.yaml"
_UNDEFINED = re.compile(r"'(?P<name>[^']*)' is undefined")
_UNKNOWN = re.compile(r"No (?P<kind>filter|test) named '(?P<name>[^']*)'")
_UNSAFE = re.compile(r"access to attribute '(?P<name>.*)' of '(?P<kind>.*)' object is unsafe\.")


def explain(
    error: BaseException,
    place: str,
    image: str,
    environment: Environment,
    values: Mapping[str, Any],
) -> InputError:
    """Return the error to raise where rendering `image` raised one in a template."""
    if isinstance(error, InputError):
        return error
    calls = template_calls(error.__traceback__)
    if _UNKNOWN.match(str(error)) and len(calls) > 1:
        del calls[-1]  # a stand-in that Jinja makes at the top of the template
    where, *callers = [*reversed(calls), Origin(place)]
    if isinstance(error, TemplateSyntaxError):
        where, callers = Origin(error.filename or place, error.lineno), []
    fault, hint = _describe_error(error, environment, values)
    outer = [caller for caller in callers if caller.line and caller != where]
    via = f", called from {outer[-1]}" if outer else ""
    return InputError(f"{fault} ({image}{via})", where=where, hint=hint)


def limit_error(problem: str, image: Image) -> InputError:
    """Return the error of an image that uses too much, where no line of a template is known."""
    where = image.origin if image.imported_from else Origin(f"templates/{image.template}")
    return InputError(f"{problem} ({image.key})", where=where, hint=LIMITS_HINT)


def limit_problem(error: BaseException) -> str:
    """Return what is wrong with a template that used too much, "" for any other error."""
    if isinstance(error, OutOfTime):
        return str(error)
    if isinstance(error, MemoryError):
        return "the template makes something that does not fit into memory"
    return ""


def template_calls(trace: TracebackType | None) -> list[Origin]:
    """Return the lines of templates in a traceback, outermost first."""
    calls: list[Origin] = []
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template):
            line = template.get_corresponding_lineno(trace.tb_lineno)
            calls.append(Origin(template.filename or "", line))
        trace = trace.tb_next
    return calls


def _describe_error(
    error: BaseException, environment: Environment, values: Mapping[str, Any]
) -> tuple[str, str]:
    text = str(error).rstrip(".")
    if isinstance(error, TemplateNotFound):
        return _absent_template(error, environment)
    if isinstance(error, RecursionError):
        return "the template includes or calls itself without end", ""
    if problem := limit_problem(error):
        return problem, LIMITS_HINT
    if isinstance(error, NameError):
        # Jinja writes what it computed while it compiled as Python, where there is no `inf`.
        return f"`{error.name}` is not a number that can be written", ""
    if match := _UNDEFINED.fullmatch(text):
        return _undefined_name(match["name"], environment, values)
    if match := _UNKNOWN.match(text):
        names = environment.filters if match["kind"] == "filter" else environment.tests
        hint = suggest_nearest(match["name"], names)
        return f"there is no {match['kind']} `{match['name']}`", hint
    if match := _UNSAFE.fullmatch(str(error)):
        return f"`{match['name']}` of a {match['kind']} is out of a template's reach", ""
    if isinstance(error, TemplateError):
        fault, _, hint = text.partition("; ")
        return fault[:1].lower() + fault[1:], hint
    return f"{text or type(error).__name__} ({type(error).__name__})", ""


def _undefined_name(
    name: str, environment: Environment, values: Mapping[str, Any]
) -> tuple[str, str]:
    if name in values:
        return f"`{name}` is not visible here", "import it `with context`, or pass it to the macro"
    names = values.keys() - environment.globals.keys()
    return f"`{name}` is not defined", did_you_mean(name, names)


def _absent_template(error: TemplateNotFound, environment: Environment) -> tuple[str, str]:
    name = str(error.name)
    names = environment.loader.list_templates() if environment.loader else []
    return f"there is no template `{name}` below templates/", suggest_nearest(name, names)
