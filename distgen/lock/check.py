"""Drive the comparison of a lock with the world: what is missing, stale, gone or unused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from distgen.errors import DistgenError
from distgen.lock import downloads, git_sources
from distgen.lock.facts import difference
from distgen.lock.plan import Key, Kind, Need, locked
from distgen.lock.resolve import World, base_digest, by_repository
from distgen.model.lock import Lock, LockedBase, LockedSource
from distgen.model.reference import parse_reference
from distgen.pool import in_parallel
from distgen.registry.errors import NotFound

Status = Literal["missing", "stale", "gone", "unused", "unknown"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one lock entry; `unknown` means that the world could not be asked."""

    kind: Kind
    name: str
    ref: str
    status: Status
    detail: str
    users: tuple[str, ...] = ()


def offline(needed: Sequence[Need], unused: Iterable[Key], lock: Lock) -> tuple[Problem, ...]:
    """Return what can be said of a lock without the network."""
    held = locked(lock)
    found = [
        _problem(need, "missing", "not in the lock") for need in needed if need.key not in held
    ]
    found += [Problem(*key, "unused", "no image needs it") for key in unused]
    return _sorted(found)


def against(
    needed: Sequence[Need], unused: Iterable[Key], lock: Lock, facts: Lock
) -> tuple[Problem, ...]:
    """Return what is wrong with a lock, compared with facts that were looked up elsewhere."""
    held, stated = locked(lock), locked(facts)
    stale = [
        _problem(need, "stale", reason)
        for need in needed
        if need.key in held and need.key in stated
        if (reason := difference(held[need.key], stated[need.key]))
    ]
    return _sorted([*offline(needed, unused, lock), *stale])


def check(
    world: World,
    needed: Sequence[Need],
    unused: Iterable[Key],
    lock: Lock,
    fetched: Collection[Key] = (),
) -> tuple[Problem, ...]:
    """Return what is wrong with a lock, after asking for everything in it.

    Downloads are seen to be there; those in `fetched` are fetched, and their content compared.
    """
    held = locked(lock)
    present = [need for need in needed if need.key in held]
    tasks: list[Callable[[], Iterable[Problem]]] = []
    for need in present:
        fact = held[need.key]
        if isinstance(fact, LockedBase):
            tasks.append(partial(_asked, need, partial(_base, world, need, fact)))
        elif isinstance(fact, str):
            tasks.append(partial(_asked, need, partial(_download, need, fact, need.key in fetched)))
    for git, some in by_repository(present).items():
        tasks.append(partial(_sources, world, git, some, lock))
    return _sorted([*offline(needed, unused, lock), *in_parallel(tasks, world.parallel)])


def _asked(need: Need, ask: Callable[[], Iterable[Problem]]) -> Iterable[Problem]:
    try:
        return list(ask())
    except (NotFound, git_sources.Gone, downloads.Gone) as gone:
        return [_problem(need, "gone", gone.what)]
    except DistgenError as error:
        return [_problem(need, "unknown", error.what)]


def _base(world: World, need: Need, fact: LockedBase) -> Iterable[Problem]:
    reference = parse_reference(need.name)
    try:
        now = base_digest(world, need.name, fact.platform)
    except NotFound as gone:
        # A tag that is gone matters little as long as its digest is served.
        world.registry.digest(reference.at(fact.digest))
        return [_problem(need, "stale", gone.what)]
    if now == fact.digest:
        return []
    try:
        world.registry.digest(reference.at(fact.digest))
    except NotFound:
        return [_problem(need, "gone", f"{fact.digest} is no longer served; the tag is {now} now")]
    return [_problem(need, "stale", f"locked {fact.digest}, the tag is {now} now")]


def _sources(world: World, git: str, some: Sequence[Need], lock: Lock) -> Iterable[Problem]:
    try:
        repository = git_sources.ask(world.git, git, world.mirrors)
    except DistgenError as error:
        return [_problem(need, "unknown", error.what) for need in some]
    return [
        problem
        for need in some
        for problem in _asked(
            need, partial(_source, repository, need, lock.sources[(need.name, need.ref)])
        )
    ]


def _source(
    repository: git_sources.Repository, need: Need, fact: LockedSource
) -> Iterable[Problem]:
    now = git_sources.commit_of(repository, need.ref)
    if now is None or now == need.ref:
        now, _ = git_sources.fetch(repository, need.ref, now)
    if now == fact.commit:
        return []
    try:
        git_sources.fetch(repository, fact.commit, None)
    except git_sources.Gone:
        detail = f"{fact.commit} is no longer given out; {need.ref} is {now} now"
        return [_problem(need, "gone", detail)]
    return [_problem(need, "stale", f"locked {fact.commit}, {need.ref} is {now} now")]


def _download(need: Need, fact: str, fetched: bool) -> Iterable[Problem]:
    if not fetched:
        downloads.served(need.name)
        return []
    now = downloads.sha256(need.name)
    if now == fact:
        return []
    # What was locked is nowhere any more: a build that compares checksums stops.
    return [_problem(need, "gone", f"locked sha256 {fact}, the file is {now} now")]


def _problem(need: Need, status: Status, detail: str) -> Problem:
    return Problem(need.kind, need.name, need.ref, status, detail, need.users)


def _sorted(found: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(found, key=lambda one: (one.kind, one.name, one.ref)))
