"""Work on repositories in parallel: parents before children, children of a failure not at all."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace

from distgen.model.catalogue import Image
from distgen.model.published import Change
from distgen.model.words import Status
from distgen.publish.deliver import Delivery
from distgen.publish.repository_access import Repository
from distgen.publish.results import without_commit

INTERRUPTED = "the run was interrupted before it was begun"
_BLOCKING = ("failed", "refused", "skipped")
_STOPPING = ("failed", "refused")
Work = Callable[[Delivery], tuple[Change, ...]]


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
    _culprit: str = ""

    def record(self, changes: Iterable[Change]) -> Iterator[Change]:
        """Yield changes that have ended, each with its status remembered."""
        for change in changes:
            self.statuses[change.key] = change.status
            if change.status in _STOPPING and not self._culprit:
                self._culprit = f"{change.key} was {change.status}"
            yield change

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
    wait for each other, the first goes first, for all streams of one are pushed at once.
    """
    keys = [[change.key for change in delivery.changes] for delivery in deliveries]
    prerequisites = _prerequisites(keys, state.dependencies)
    children = _children(prerequisites)
    ready = deque(number for number, parents in enumerate(prerequisites) if not parents)
    pending = dict.fromkeys(range(len(deliveries)))
    running: dict[Future[tuple[Change, ...]], int] = {}
    while pending or running:
        if pending and not ready and not running:  # all that is left waits for each other
            ready.append(next(iter(pending)))
        while ready and len(running) < state.jobs:
            number = ready.popleft()
            if number not in pending:
                continue
            del pending[number]
            delivery, skipped = _split_skipped(deliveries[number], state)
            yield from state.record(skipped)
            running[pool.submit(work, delivery)] = number
        completed, _ = wait(running, return_when=FIRST_COMPLETED)
        for number, changes in [(running.pop(job), job.result()) for job in completed]:
            yield from state.record(changes)
            for child in children.get(number, ()):
                prerequisites[child].discard(number)
                if not prerequisites[child]:
                    ready.append(child)


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
            return f"its parent {parent} was {state.statuses[parent]}"
    return ""
