"""Take those entries of a TripleO container image template that a deployment needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from distgen.errors import InputError
from distgen.text.suggest import did_you_mean
from distgen.tripleo.heat import parse_list
from distgen.tripleo.template import Render, TemplateSource, render_template


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries to take: by patterns that are searched in the name, and by services.

    `exclude` counts only without `include`, as in `openstack overcloud container image prepare`.
    `services` None takes all entries, otherwise those that serve one of them; the template must
    have those in `required_services`.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    services: frozenset[str] | None = None
    required_services: tuple[str, ...] = ()


def render_entries(
    template: TemplateSource,
    values: Mapping[str, Any],
    entry_filter: EntryFilter,
    render: Render = render_template,
) -> tuple[Mapping[str, Any], ...]:
    """Return the entries of a template with these values, params and services included."""
    takes = _predicate(entry_filter)
    entries = parse_list(render(template, values), f"{template.path}, rendered")
    _refuse_unknown_services(entry_filter.required_services, entries, template.path)
    return tuple(entry for entry in entries if takes(entry))


def _refuse_unknown_services(
    names: Iterable[str], entries: Iterable[Mapping[str, Any]], path: str
) -> None:
    services = {service for entry in entries for service in entry.get("services") or ()}
    # A misspelt service used to end in an empty list.
    for name in names:
        if name not in services:
            hint = did_you_mean(name, services)
            raise InputError(f"no image serves {name}", where=path, hint=hint)


def _predicate(entry_filter: EntryFilter) -> Callable[[Mapping[str, Any]], bool]:
    try:
        include = [re.compile(pattern) for pattern in entry_filter.include]
        exclude = [re.compile(pattern) for pattern in entry_filter.exclude]
    except re.error as error:
        problem = f"{error.pattern!r} is not a regular expression: {error}"
        raise InputError(problem) from None
    except (OverflowError, RecursionError) as error:
        raise InputError(f"a regular expression cannot be read: {error}") from None
    services = entry_filter.services

    def takes(entry: Mapping[str, Any]) -> bool:
        name = entry["imagename"]
        if services is not None and not services & set(entry.get("services") or ()):
            return False
        if include:
            return any(pattern.search(name) for pattern in include)
        return not any(pattern.search(name) for pattern in exclude)

    return takes
