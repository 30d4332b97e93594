"""Compare a lock with the servers that its facts came from: what is missing, stale or gone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from distgen.errors import DistgenError
from distgen.lock import downloads, git_sources
from distgen.lock.facts import difference, format_tags
from distgen.lock.plan import Key, Kind, Need, facts_by_key
from distgen.lock.resolve import Upstreams, base_digest, needs_by_repository
from distgen.model.lock import Lock, LockedBase, LockedSource
from distgen.model.reference import parse_reference
from distgen.pool import run_parallel
from distgen.registry.errors import NotFound

Status = Literal["missing", "stale", "gone", "unused", "unknown"]


@dataclass(frozen=True, slots=True)
class LockProblem:
    """What is wrong with one lock entry; `unknown` means that a server did not say."""

    kind: Kind
    name: str
    ref: str
    status: Status
    detail: str
    users: tuple[str, ...] = ()


def check_offline(
    needed: Sequence[Need], unused: Iterable[Key], lock: Lock
) -> tuple[LockProblem, ...]:
    """Return the problems of a lock that need no network: missing and unused entries."""
    facts = facts_by_key(lock)
    problems = [
        _problem(need, "missing", "not in the lock") for need in needed if need.key not in facts
    ]
    problems += [LockProblem(*key, "unused", "no image needs it") for key in unused]
    return _in_order(problems)


def check_against_facts(
    needed: Sequence[Need], unused: Iterable[Key], lock: Lock, facts: Lock
) -> tuple[LockProblem, ...]:
    """Return the problems of a lock, compared with facts that were looked up elsewhere."""
    entries, new_facts = facts_by_key(lock), facts_by_key(facts)
    stale = [
        _problem(need, "stale", reason)
        for need in needed
        if need.key in entries and need.key in new_facts
        if (reason := difference(entries[need.key], new_facts[need.key]))
    ]
    return _in_order([*check_offline(needed, unused, lock), *stale])


def check_online(
    upstreams: Upstreams,
    needed: Sequence[Need],
    unused: Iterable[Key],
    lock: Lock,
    fetched: Collection[Key] = (),
) -> tuple[LockProblem, ...]:
    """Return the problems of a lock, after asking for everything in it.

    Downloads only have to be served; those in `fetched` are fetched and their content is compared.
    """
    facts = facts_by_key(lock)
    present = [need for need in needed if need.key in facts]
    tasks: list[Callable[[], Iterable[LockProblem]]] = []
    for need in present:
        fact = facts[need.key]
        if isinstance(fact, LockedBase):
            tasks.append(
                partial(_problems_or_failure, need, partial(_check_base, upstreams, need, fact))
            )
        elif isinstance(fact, str):
            tasks.append(
                partial(
                    _problems_or_failure,
                    need,
                    partial(_check_download, upstreams, need, fact, need.key in fetched),
                )
            )
    for git, needs in needs_by_repository(present).items():
        tasks.append(partial(_check_sources, upstreams, git, needs, lock))
    return _in_order(
        [*check_offline(needed, unused, lock), *run_parallel(tasks, upstreams.parallel)]
    )


def _problems_or_failure(
    need: Need, ask: Callable[[], Iterable[LockProblem]]
) -> Iterable[LockProblem]:
    try:
        return list(ask())
    except (NotFound, git_sources.RefGone, downloads.FileGone) as gone:
        return [_problem(need, "gone", gone.problem)]
    except DistgenError as error:
        return [_problem(need, "unknown", error.problem)]


def _check_base(upstreams: Upstreams, need: Need, fact: LockedBase) -> Iterable[LockProblem]:
    reference = parse_reference(need.name)
    try:
        digest = base_digest(upstreams, need.name, fact.platform)
    except NotFound as gone:
        # A tag may go as long as its digest is served: builds name the digest.
        upstreams.registry.digest(reference.at(fact.digest))
        return [_problem(need, "stale", gone.problem)]
    if digest == fact.digest:
        return []
    try:
        upstreams.registry.digest(reference.at(fact.digest))
    except NotFound:
        return [
            _problem(need, "gone", f"{fact.digest} is no longer served; the tag is {digest} now")
        ]
    return [_problem(need, "stale", f"locked {fact.digest}, the tag is {digest} now")]


def _check_sources(
    upstreams: Upstreams, git: str, needs: Sequence[Need], lock: Lock
) -> Iterable[LockProblem]:
    try:
        repository = git_sources.open_repository(upstreams.git, git, upstreams.mirrors)
    except DistgenError as error:
        return [_problem(need, "unknown", error.problem) for need in needs]
    return [
        problem
        for need in needs
        for problem in _problems_or_failure(need, partial(_check_git, repository, need, lock))
    ]


def _check_git(
    repository: git_sources.SourceRepository, need: Need, lock: Lock
) -> Iterable[LockProblem]:
    key = (need.name, need.ref)
    if need.choice is None:
        return _check_source(repository, need, lock.sources[key])
    present, locked = git_sources.released_tags(repository, need.choice), lock.tags[key]
    if present == locked:
        return []
    detail = f"locked {format_tags(locked)}, they are {format_tags(present)} now"
    return [_problem(need, "stale", detail)]


def _check_source(
    repository: git_sources.SourceRepository, need: Need, fact: LockedSource
) -> Iterable[LockProblem]:
    commit = git_sources.commit_of(repository, need.ref)
    if commit is None or commit == need.ref:
        commit, _ = git_sources.fetch_commit(repository, need.ref, commit)
    if commit == fact.commit:
        return []
    try:
        git_sources.fetch_commit(repository, fact.commit, None)
    except git_sources.RefGone:
        detail = f"{fact.commit} is no longer given out; {need.ref} is {commit} now"
        return [_problem(need, "gone", detail)]
    return [_problem(need, "stale", f"locked {fact.commit}, {need.ref} is {commit} now")]


def _check_download(
    upstreams: Upstreams, need: Need, fact: str, fetched: bool
) -> Iterable[LockProblem]:
    if not fetched:
        downloads.check_served(need.name, upstreams.http)
        return []
    sha256 = downloads.fetch_sha256(need.name, upstreams.http)
    if sha256 == fact:
        return []
    # The file that was locked is not served any more, so a build that compares checksums stops.
    return [_problem(need, "gone", f"locked sha256 {fact}, the file is {sha256} now")]


def _problem(need: Need, status: Status, detail: str) -> LockProblem:
    return LockProblem(need.kind, need.name, need.ref, status, detail, need.users)


def _in_order(problems: Iterable[LockProblem]) -> tuple[LockProblem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.kind, problem.name, problem.ref)))
