"""Drive the comparison of a lock with the world: what is missing, stale, gone or unused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from distgen.errors import DistgenError
from distgen.lock import downloads, git_sources
from distgen.lock.facts import difference
from distgen.lock.plan import Key, Kind, Need, facts_by_key
from distgen.lock.resolve import Upstreams, base_digest, needs_by_repository
from distgen.model.lock import Lock, LockedBase, LockedSource
from distgen.model.reference import parse_reference
from distgen.pool import in_parallel
from distgen.registry.errors import NotFound

Status = Literal["missing", "stale", "gone", "unused", "unknown"]


@dataclass(frozen=True, slots=True)
class LockProblem:
    """What is wrong with one lock entry; `unknown` means that the world could not be asked."""

    kind: Kind
    name: str
    ref: str
    status: Status
    detail: str
    users: tuple[str, ...] = ()


def check_offline(
    needed: Sequence[Need], unused: Iterable[Key], lock: Lock
) -> tuple[LockProblem, ...]:
    """Return what can be said of a lock without the network."""
    held = facts_by_key(lock)
    found = [
        _problem(need, "missing", "not in the lock") for need in needed if need.key not in held
    ]
    found += [LockProblem(*key, "unused", "no image needs it") for key in unused]
    return _in_order(found)


def check_against_facts(
    needed: Sequence[Need], unused: Iterable[Key], lock: Lock, facts: Lock
) -> tuple[LockProblem, ...]:
    """Return what is wrong with a lock, compared with facts that were looked up elsewhere."""
    held, stated = facts_by_key(lock), facts_by_key(facts)
    stale = [
        _problem(need, "stale", reason)
        for need in needed
        if need.key in held and need.key in stated
        if (reason := difference(held[need.key], stated[need.key]))
    ]
    return _in_order([*check_offline(needed, unused, lock), *stale])


def check(
    world: Upstreams,
    needed: Sequence[Need],
    unused: Iterable[Key],
    lock: Lock,
    fetched: Collection[Key] = (),
) -> tuple[LockProblem, ...]:
    """Return what is wrong with a lock, after asking for everything in it.

    Downloads are seen to be there; those in `fetched` are fetched, and their content compared.
    """
    held = facts_by_key(lock)
    present = [need for need in needed if need.key in held]
    tasks: list[Callable[[], Iterable[LockProblem]]] = []
    for need in present:
        fact = held[need.key]
        if isinstance(fact, LockedBase):
            tasks.append(
                partial(_problems_or_failure, need, partial(_check_base, world, need, fact))
            )
        elif isinstance(fact, str):
            tasks.append(
                partial(
                    _problems_or_failure,
                    need,
                    partial(_check_download, need, fact, need.key in fetched),
                )
            )
    for git, some in needs_by_repository(present).items():
        tasks.append(partial(_check_sources, world, git, some, lock))
    return _in_order([*check_offline(needed, unused, lock), *in_parallel(tasks, world.parallel)])


def _problems_or_failure(
    need: Need, ask: Callable[[], Iterable[LockProblem]]
) -> Iterable[LockProblem]:
    try:
        return list(ask())
    except (NotFound, git_sources.RefGone, downloads.FileGone) as gone:
        return [_problem(need, "gone", gone.what)]
    except DistgenError as error:
        return [_problem(need, "unknown", error.what)]


def _check_base(world: Upstreams, need: Need, fact: LockedBase) -> Iterable[LockProblem]:
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


def _check_sources(
    world: Upstreams, git: str, some: Sequence[Need], lock: Lock
) -> Iterable[LockProblem]:
    try:
        repository = git_sources.open_repository(world.git, git, world.mirrors)
    except DistgenError as error:
        return [_problem(need, "unknown", error.what) for need in some]
    return [
        problem
        for need in some
        for problem in _problems_or_failure(
            need, partial(_check_source, repository, need, lock.sources[(need.name, need.ref)])
        )
    ]


def _check_source(
    repository: git_sources.SourceRepository, need: Need, fact: LockedSource
) -> Iterable[LockProblem]:
    now = git_sources.commit_of(repository, need.ref)
    if now is None or now == need.ref:
        now, _ = git_sources.fetch_commit(repository, need.ref, now)
    if now == fact.commit:
        return []
    try:
        git_sources.fetch_commit(repository, fact.commit, None)
    except git_sources.RefGone:
        detail = f"{fact.commit} is no longer given out; {need.ref} is {now} now"
        return [_problem(need, "gone", detail)]
    return [_problem(need, "stale", f"locked {fact.commit}, {need.ref} is {now} now")]


def _check_download(need: Need, fact: str, fetched: bool) -> Iterable[LockProblem]:
    if not fetched:
        downloads.check_served(need.name)
        return []
    now = downloads.fetch_sha256(need.name)
    if now == fact:
        return []
    # What was locked is nowhere any more: a build that compares checksums stops.
    return [_problem(need, "gone", f"locked sha256 {fact}, the file is {now} now")]


def _problem(need: Need, status: Status, detail: str) -> LockProblem:
    return LockProblem(need.kind, need.name, need.ref, status, detail, need.users)


def _in_order(found: Iterable[LockProblem]) -> tuple[LockProblem, ...]:
    return tuple(sorted(found, key=lambda one: (one.kind, one.name, one.ref)))
