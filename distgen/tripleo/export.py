"""Take those entries of a TripleO container image template that a deployment needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distgen.errors import InputError
from distgen.text.suggest import did_you_mean
from distgen.tripleo.heat import parse_list
from distgen.tripleo.template import render_template


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries to take: by patterns that are searched in the name, and by services.

    `exclude` counts only without `include`, as in `openstack overcloud container image prepare`.
    `services` None takes all entries, otherwise those that serve one of them; those of `named`
    have to be in the template.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    services: frozenset[str] | None = None
    named: tuple[str, ...] = ()


def render_entries(
    template: Path, values: Mapping[str, Any], wanted: EntryFilter
) -> tuple[Mapping[str, Any], ...]:
    """Return the entries of a template with these values, params and services included."""
    takes = _taking(wanted)
    entries = parse_list(render_template(template, values), f"{template}, rendered")
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


def _taking(wanted: EntryFilter) -> Callable[[Mapping[str, Any]], bool]:
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
