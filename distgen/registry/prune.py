"""Drive the retention of tags: look at repositories, and delete what has been kept long enough."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal, TypeVar

from distgen.errors import DistgenError
from distgen.model.catalogue import Retention
from distgen.model.reference import Reference, split_reference
from distgen.pool import run_parallel
from distgen.registry.client import Registry
from distgen.registry.errors import NotFound, Unreadable
from distgen.registry.retention import Decision, Protected, Tagged, candidates, decide

Result = TypeVar("Result")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Place:
    """A repository to look at: what its namespace says of it, and what stays in it."""

    image: str
    repository: Reference
    policy: Retention
    protected: Protected


@dataclass(frozen=True, slots=True)
class Plan:
    """What is in a repository and what becomes of it."""

    place: Place
    tags: tuple[Tagged, ...]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one image of a repository: its digest and the tags that went with it."""

    reference: str
    tags: tuple[str, ...]
    status: Literal["deleted", "failed", "kept"]
    detail: str = ""


def plan(registry: Registry, places: Sequence[Place], now: int, parallel: int) -> tuple[Plan, ...]:
    """Look at all tags of all repositories and decide about them; raise when one cannot be seen."""
    listed = _all([partial(_list, registry, place) for place in places], parallel)
    looks = [partial(_look, registry, place, tag) for place, tags in listed for tag in tags]
    seen: dict[str, list[Tagged]] = {place.image: [] for place in places}
    for place, tagged in _all(looks, parallel):
        if tagged is not None:
            seen[place.image].append(tagged)
    plans = []
    for place in places:
        tags = tuple(sorted(seen[place.image], key=lambda one: one.tag))
        name = place.repository.name
        decisions = decide(place.image, name, tags, place.policy, place.protected, now)
        plans.append(Plan(place, tags, decisions))
    return tuple(plans)


def apply(registry: Registry, plans: Sequence[Plan], parallel: int) -> tuple[Outcome, ...]:
    """Delete what the plans say, unless a tag that stays was moved to it in the meantime."""
    tasks = [
        partial(_delete, registry, one)
        for one in plans
        if any(decision.action == "delete" for decision in one.decisions)
    ]
    return tuple(sorted(run_parallel(tasks, parallel), key=lambda done: done.reference))


def _list(registry: Registry, place: Place) -> tuple[Place, tuple[str, ...]]:
    try:
        return place, registry.tags(place.repository)
    except NotFound:
        return place, ()


def _look(registry: Registry, place: Place, tag: str) -> tuple[Place, Tagged | None]:
    reference = place.repository.at(tag)
    try:
        manifest = registry.manifest(reference)
    except NotFound:
        return place, None
    except Unreadable:
        # Without a known age it stays.
        return place, Tagged(tag, "")
    children = manifest.children
    if not candidates([tag], place.policy, place.protected):
        return place, Tagged(tag, manifest.digest, None, children)
    try:
        created = moment(registry.config(reference).get("created"))
    except NotFound:
        created = None
    return place, Tagged(tag, manifest.digest, created, children)


def moment(text: object) -> int | None:
    """Return the time that an image says it was made, in seconds since 1970."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    try:
        when = datetime.fromisoformat(found.group(1) + found.group(2).replace("Z", "+00:00"))
        return int(when.timestamp())
    except (ValueError, OverflowError):
        return None


def _delete(registry: Registry, one: Plan) -> Iterable[Outcome]:
    tags = {tagged.tag: tagged for tagged in one.tags}
    going: dict[str, list[str]] = {}
    staying: set[str] = set(one.place.protected.digests)
    for decision in one.decisions:
        tag = split_reference(decision.reference)[1]
        if decision.action == "delete":
            going.setdefault(decision.digest, []).append(tag)
        else:
            staying |= {decision.digest, *tags[tag].children}
    try:
        moved = _moved_to(registry, one)
    except DistgenError as error:
        return [
            Outcome(str(one.place.repository.at(digest)), tuple(names), "failed", str(error))
            for digest, names in going.items()
        ]
    outcomes = []
    for digest, names in going.items():
        target = one.place.repository.at(digest)
        made = Outcome(str(target), tuple(sorted(names)), "deleted")
        if digest in moved:
            outcomes.append(replace(made, status="kept", detail=f"{moved[digest]} was moved to it"))
            continue
        parts = [part for part in tags[names[0]].children if part not in staying | {*moved}]
        try:
            for part in (digest, *parts):
                registry.delete(one.place.repository.at(part))
        except DistgenError as error:
            made = replace(made, status="failed", detail=str(error))
        outcomes.append(made)
    return outcomes


def _moved_to(registry: Registry, one: Plan) -> Mapping[str, str]:
    """Return where the tags that stay point now, for those that were moved since the plan."""
    before = {tagged.tag: tagged.digest for tagged in one.tags}
    moved: dict[str, str] = {}
    for tag in one.place.protected.moving:
        try:
            manifest = registry.manifest(one.place.repository.at(tag))
        except (NotFound, Unreadable):
            continue
        if manifest.digest != before.get(tag):
            moved |= dict.fromkeys((manifest.digest, *manifest.children), tag)
    return moved


def _all(tasks: Sequence[Callable[[], Result]], parallel: int) -> list[Result]:
    return list(run_parallel([partial(_one, task) for task in tasks], parallel))


def _one(task: Callable[[], Result]) -> Iterable[Result]:
    return [task()]
