"""Turn a container image template of TripleO into its entries, for a driver and other values.

The format, and what each placeholder means, are those of tripleo-common's
container-images/*.yaml.j2, from the first of June 2017 on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from distgen.errors import InputError
from distgen.exports import heat
from distgen.model import Origin
from distgen.render.mistakes import FAILURES, calls
from distgen.suggest import did_you_mean

TEMPLATE_KEY = "container_images_template"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries to take: by patterns that are searched in the name, and by services.

    `exclude` counts only without `include`, as in `openstack overcloud container image prepare`.
    `services` None takes all entries, otherwise those that serve one of them; those of `named`
    have to be in the template.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    services: frozenset[str] | None = None
    named: tuple[str, ...] = ()


class Absent(jinja2.Undefined):
    """A value nobody gave: templates may ask whether it is there, but not print it."""

    def __str__(self) -> str:
        return str(self._fail_with_undefined_error())

    __html__ = __str__


def render(
    template: Path, values: Mapping[str, Any], wanted: Wanted
) -> tuple[Mapping[str, Any], ...]:
    """Return the entries of a template with these values, params and services included."""
    data = heat.read(_rendered(template, _hyphenated(values)), str(template))
    if not isinstance(data, dict) or not (TEMPLATE_KEY in data or heat.LIST_KEY in data):
        raise InputError(f"holds no {TEMPLATE_KEY}", where=template)
    key = TEMPLATE_KEY if TEMPLATE_KEY in data else heat.LIST_KEY
    takes = _taking(wanted)
    entries = heat.entries(data[key], str(template))
    _refuse_strangers(wanted.named, entries, template)
    return tuple(entry for entry in entries if takes(entry))


def _refuse_strangers(
    named: Iterable[str], entries: Iterable[Mapping[str, Any]], template: Path
) -> None:
    known = {service for entry in entries for service in entry.get("services") or ()}
    for name in named:
        if name not in known:
            hint = did_you_mean(name, known)
            raise InputError(f"no image serves {name}", where=template, hint=hint)


def _rendered(template: Path, values: Mapping[str, Any]) -> str:
    loader = jinja2.FileSystemLoader(template.parent)
    environment = ImmutableSandboxedEnvironment(
        loader=loader, undefined=Absent, finalize=lambda value: "" if value is None else value
    )
    # a template asks whether `namespace` was given, which is also one of Jinja's own functions
    environment.globals.clear()
    try:
        return _printed(environment.get_template(template.name), values)
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


def _taking(wanted: Wanted) -> Callable[[Mapping[str, Any]], bool]:
    try:
        include = [re.compile(pattern) for pattern in wanted.include]
        exclude = [re.compile(pattern) for pattern in wanted.exclude]
    except re.error as error:
        raise InputError(f"{error.pattern!r} is no regular expression: {error}") from None

    def takes(entry: Mapping[str, Any]) -> bool:
        name = entry["imagename"]
        if wanted.services is not None and not wanted.services & set(entry.get("services") or ()):
            return False
        if include:
            return any(pattern.search(name) for pattern in include)
        return not any(pattern.search(name) for pattern in exclude)

    return takes
