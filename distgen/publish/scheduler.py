"""Work on repositories in parallel: parents before children, children of a failure not at all."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import TypeVar

from distgen.model.catalogue import Image
from distgen.model.published import Change, Result
from distgen.model.words import Status
from distgen.pool import await_any
from distgen.publish.delivery import Delivery, Postponed
from distgen.publish.repository_access import Repository
from distgen.publish.results import without_commit

INTERRUPTED = "the run was interrupted before it was begun"
_BLOCKING = ("failed", "refused", "skipped")
_STOPPING = ("failed", "refused")
_POLL = 0.1  # seconds after which a wait hears of a signal that came just before it
Ended = TypeVar("Ended", Change, Result)
Outcome = tuple[Change, ...] | Postponed
Work = Callable[[Delivery], Outcome]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The parents of each image by key, and whether children are published without them."""

    parents: Mapping[str, tuple[str, ...]]
    independent: bool = False


def find_dependencies(images: Iterable[Image], *, independent: bool) -> Dependencies:
    """Return the parents of the images that are images of the catalogue, too."""
    parents = {
        image.key: tuple(parent.image for parent in image.parents if parent.image)
        for image in images
    }
    return Dependencies(parents, independent)


@dataclass(slots=True)
class RunState:
    """The progress of a run: the status that each change ended with, and why no more is begun.

    At most `jobs` deliveries are under way. Once `stop` is set, or something failed and the run is
    to `fail_fast`, those are finished and no other is begun.
    """

    dependencies: Dependencies
    jobs: int = 8
    stop: threading.Event = field(default_factory=threading.Event)
    fail_fast: bool = False
    statuses: dict[str, Status] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    """The keys of what other shards publish, and this one only waits for."""
    _culprit: str = ""
    _notes: dict[str, str] = field(default_factory=dict)

    def record(self, changes: Iterable[Ended]) -> Iterator[Ended]:
        """Yield changes or results that have ended, each with its status remembered."""
        for change in changes:
            self.statuses[change.key] = change.status
            if change.detail and change.key in self.others:
                self._notes[change.key] = f": {change.detail}"  # its result is another's
            if change.status in _STOPPING and not self._culprit:
                self._culprit = f"{change.key} was {change.status}"
            yield change

    def describe(self, key: str) -> str:
        """Return how a change ended."""
        return f"{key} was {self.statuses[key]}{self._notes.get(key, '')}"

    def stop_reason(self) -> str:
        """Say why nothing more is begun; "" when the run goes on."""
        if self.stop.is_set():
            return INTERRUPTED
        return f"not begun, for {self._culprit}" if self.fail_fast and self._culprit else ""


def sort_parents_first(
    repositories: Sequence[Repository], dependencies: Dependencies
) -> tuple[Repository, ...]:
    """Return the repositories with parents before children, as far as they form no cycle."""
    keys = [[target.key for target in repository.targets] for repository in repositories]
    prerequisites = _prerequisites(keys, dependencies)
    entered: set[int] = set()
    ordered: dict[int, Repository] = {}
    for first in range(len(repositories)):
        stack = [first]
        while stack:
            number = stack[-1]
            if number not in entered:
                entered.add(number)
                stack += sorted(prerequisites[number] - entered, reverse=True)
            else:
                ordered.setdefault(stack.pop(), repositories[number])
    return tuple(ordered.values())


def run_parents_first(
    pool: Executor, work: Work, deliveries: Sequence[Delivery], state: RunState
) -> Iterator[Change]:
    """Yield the changes of the deliveries as `work` leaves them.

    A repository starts when those of its parents have ended. Where streams make two repositories
    wait for each other, the first goes first, for all streams of one are pushed at once. What
    another shard delivers is postponed until it is there, and takes no job meanwhile: else jobs
    that wait for each other's parents would wait for ever.
    """
    prerequisites = _prerequisites_in_order(deliveries, state)
    children = _children(prerequisites)
    queue = _Queue(deque(number for number, before in enumerate(prerequisites) if not before))
    current = dict(enumerate(deliveries))
    running: dict[Future[Outcome], int] = {}
    while current:
        while len(running) < state.jobs and (number := queue.next(bool(state.stop_reason()))) >= 0:
            delivery, skipped = _split_skipped(current[number], state)
            yield from state.record(skipped)
            running[pool.submit(work, delivery)] = number
        # What is due while all jobs are taken waits for one of them.
        pause = queue.pause() if len(running) < state.jobs else None
        for number, outcome in _await_completed(running, pause, state.stop):
            if isinstance(outcome, Postponed):
                current[number] = outcome.delivery
                queue.postponed[number] = outcome.due
                continue
            del current[number]
            yield from state.record(outcome)
            for child in children.get(number, ()):
                prerequisites[child].discard(number)
                if not prerequisites[child]:
                    queue.ready.append(child)


@dataclass(slots=True)
class _Queue:
    """The numbers of deliveries to begin: those that are ready, and those that are due again."""

    ready: deque[int]
    postponed: dict[int, float] = field(default_factory=dict)

    def next(self, is_over: bool) -> int:
        """Return the number to begin next, -1 for none; all are due when the run is over.

        What is ready goes first: those who look at slow servers again and again would keep it from
        its turn, and the other shards wait for it.
        """
        if self.ready:
            return self.ready.popleft()
        now = time.monotonic()
        for number, due in self.postponed.items():
            if is_over or due <= now:
                del self.postponed[number]
                return number
        return -1

    def pause(self) -> float | None:
        """Return how many seconds there are until one is due again, None for none."""
        if not self.postponed:
            return None
        return max(0.0, min(self.postponed.values()) - time.monotonic())


def _await_completed(
    running: dict[Future[Outcome], int], pause: float | None, stop: threading.Event
) -> list[tuple[int, Outcome]]:
    """Wait a moment for work to end, at most for the pause; return what it came to, by number."""
    seconds = _POLL if pause is None else min(pause, _POLL)
    if not running:
        stop.wait(seconds)
        return []
    completed = await_any(running, seconds)
    return [(running.pop(job), job.result()) for job in completed]


def _prerequisites_in_order(deliveries: Sequence[Delivery], state: RunState) -> list[set[int]]:
    """Return for each delivery the numbers of those before it that it waits for."""
    keys = [[change.key for change in delivery.changes] for delivery in deliveries]
    return _only_earlier(_prerequisites(keys, state.dependencies))


def number_prerequisites(
    repositories: Sequence[Repository], dependencies: Dependencies
) -> list[set[int]]:
    """Return for each repository the numbers of those before it that go first."""
    keys = [[target.key for target in repository.targets] for repository in repositories]
    return _only_earlier(_prerequisites(keys, dependencies))


def _only_earlier(prerequisites: Sequence[set[int]]) -> list[set[int]]:
    return [
        {before for before in numbers if before < number}
        for number, numbers in enumerate(prerequisites)
    ]


def _prerequisites(keys: Sequence[Sequence[str]], dependencies: Dependencies) -> list[set[int]]:
    """Return for each group of keys the numbers of the groups that go before it."""
    group_of = {key: number for number, group in enumerate(keys) for key in group}
    return [
        {
            group_of[parent]
            for key in group
            for parent in dependencies.parents.get(key, ())
            if parent in group_of
        }
        - {number}
        for number, group in enumerate(keys)
    ]


def _children(prerequisites: Sequence[set[int]]) -> Mapping[int, Sequence[int]]:
    children: dict[int, list[int]] = {}
    for number, parents in enumerate(prerequisites):
        for parent in parents:
            children.setdefault(parent, []).append(number)
    return children


def _split_skipped(delivery: Delivery, state: RunState) -> tuple[Delivery, tuple[Change, ...]]:
    """Split off the changes that are not begun: those of unpublished parents, or all of them."""
    if reason := state.stop_reason():
        skipped = tuple(without_commit(change, "skipped", reason) for change in delivery.changes)
        return replace(delivery, changes=()), skipped
    reasons = {change.key: _blocker(change, state) for change in delivery.changes}
    skipped = tuple(
        without_commit(change, "skipped", reasons[change.key])
        for change in delivery.changes
        if reasons[change.key]
    )
    changes = tuple(change for change in delivery.changes if not reasons[change.key])
    return replace(delivery, changes=changes), skipped


def _blocker(change: Change, state: RunState) -> str:
    """Say which parent keeps a change from being published, "" when none does."""
    if state.dependencies.independent:
        return ""
    for parent in state.dependencies.parents.get(change.key, ()):
        if state.statuses.get(parent) in _BLOCKING:
            return f"its parent {state.describe(parent)}"
    return ""
