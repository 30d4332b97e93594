"""Select those of Kolla's images that kolla-build would build, or that a container list names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from distgen.catalogue.bounded import read_bounded
from distgen.catalogue.graph import reachable
from distgen.catalogue.sources.dockerfile_needs import full_reference
from distgen.catalogue.sources.kolla.build import KollaBuild
from distgen.catalogue.sources.kolla.package import read_error
from distgen.catalogue.sources.kolla.places import LARGEST_FILE, refuse_far_setting
from distgen.catalogue.timed_check import TimeLimit
from distgen.errors import InputError
from distgen.render.errors import OutOfTime
from distgen.tripleo.heat import parse_images, short_names

_IMAGE_SOURCES = ("kolla", "tripleo")


@dataclass(frozen=True, slots=True)
class ContainerList:
    """The images of a container list that Kolla has, and those that it does not have."""

    names: frozenset[str]
    unknown: tuple[str, ...]


def read_container_list(build: KollaBuild) -> ContainerList | None:
    """Return the images that a container list names as Kolla's, None without such a list."""
    path = build.request.options.get("container_list")
    if path is None:
        return None
    refuse_far_setting(build.request, str(path))
    try:
        place = build.request.root / str(path)
        text = read_bounded(place, str(path), LARGEST_FILE).decode()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"container_list {path} cannot be read: {read_error(error)}"
        raise InputError(problem, where=build.request.origin) from error
    names, unknown = set(), []
    for entry in parse_images(text, str(path)):
        if entry.get("image_source", _IMAGE_SOURCES[0]) in _IMAGE_SOURCES:
            candidates = short_names(entry["imagename"])
            name = next((name for name in candidates if name in build.images), None)
            if name is None:
                unknown.append(candidates[-1])
            else:
                names.add(name)
    return ContainerList(frozenset(names), tuple(unknown))


def select_names(build: KollaBuild, container_list: ContainerList | None) -> list[str]:
    """Return the images that kolla-build would build, as its filter says, sorted by name."""
    settings = build.settings
    parents = {name: tuple(_parent_names(build, name)) for name in build.images}
    ancestry = {name: reachable([name], parents.__getitem__) for name in build.images}
    matching_names = _match_names(build)
    names_to_build = {
        member
        for name in build.images
        if not set(ancestry[name]) & set(settings.unbuildable)
        and name in matching_names
        and (container_list is None or name in container_list.names)
        for member in ancestry[name]
    }
    if settings.skip_parents:
        names_to_build -= {parent for names in parents.values() for parent in names}
    if not names_to_build:
        problem = "no image of Kolla matches its regex, profile or list"
        raise InputError(problem, where=build.request.origin)
    return sorted(names_to_build)


def _match_names(build: KollaBuild) -> set[str]:
    """Return the images that the settings' regular expressions find something in."""
    limit = TimeLimit(build.request.limits.seconds)
    origin = build.request.origin
    try:
        pattern = re.compile("|".join(build.settings.patterns).join("()"))
        with limit.watch_time(), limit.restart_clock():
            return {name for name in build.images if pattern.search(name)}
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(f"Kolla's regex is wrong: {error}", where=origin) from error
    except OutOfTime as error:
        raise InputError(f"matching Kolla's regex {error}", where=origin) from None


def _parent_names(build: KollaBuild, name: str) -> Iterator[str]:
    for _, word in build.images[name].needs.parents:
        if parent := build.names.get(full_reference(word)):
            yield parent
