"""Work on repositories in parallel: parents before children, children of a failure not at all."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace

from distgen.model.published import Change
from distgen.model.words import Status
from distgen.publish.deliver import Delivery
from distgen.publish.options import Repository

_BLOCKING = ("failed", "refused", "skipped")
_STOPPING = ("failed", "refused")
Work = Callable[[Delivery], tuple[Change, ...]]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The parents of each image by key, and whether children are published without them."""

    parents: Mapping[str, tuple[str, ...]]
    independent: bool = False


@dataclass(slots=True)
class RunState:
    """How far a run has come: what ended how, and why nothing more is begun.

    At most `jobs` deliveries are under way. Once `stop` is set, or something failed and the run is
    to `fail_fast`, those are finished and no other is begun.
    """

    kinship: Dependencies
    jobs: int = 8
    stop: threading.Event = field(default_factory=threading.Event)
    fail_fast: bool = False
    ended: dict[str, Status] = field(default_factory=dict)
    _culprit: str = ""

    def note(self, change: Change) -> None:
        """Remember how a change ended."""
        self.ended[change.key] = change.status
        if change.status in _STOPPING and not self._culprit:
            self._culprit = f"{change.key} was {change.status}"

    def halted(self) -> str:
        """Say why nothing more is begun; "" when the run goes on."""
        if self.stop.is_set():
            return "the run was interrupted before it was begun"
        return f"not begun, for {self._culprit}" if self.fail_fast and self._culprit else ""


def sort_parents_first(
    repositories: Sequence[Repository], kinship: Dependencies
) -> tuple[Repository, ...]:
    """Return the repositories with parents before children, as far as they stand in no circle."""
    keys = [[found.key for found in repository.targets] for repository in repositories]
    waits = _waits(keys, kinship)
    entered: set[int] = set()
    placed: dict[int, Repository] = {}
    for first in range(len(repositories)):
        stack = [first]
        while stack:
            number = stack[-1]
            if number not in entered:
                entered.add(number)
                stack += sorted(waits[number] - entered, reverse=True)
            else:
                placed.setdefault(stack.pop(), repositories[number])
    return tuple(placed.values())


def run_parents_first(
    pool: Executor, work: Work, deliveries: Sequence[Delivery], course: RunState
) -> Iterator[Change]:
    """Yield the changes of the deliveries as `work` leaves them.

    A repository starts when those of its parents are done. Where streams make two repositories
    wait for each other, the first goes first, for all streams of one are pushed at once.
    """
    waits = _waits([[change.key for change in d.changes] for d in deliveries], course.kinship)
    children: dict[int, list[int]] = {}
    for number, before in enumerate(waits):
        for parent in before:
            children.setdefault(parent, []).append(number)
    ready = deque(number for number, before in enumerate(waits) if not before)
    left = dict.fromkeys(range(len(deliveries)))
    running: dict[Future[tuple[Change, ...]], int] = {}
    while left or running:
        if left and not ready and not running:
            ready.append(next(iter(left)))
        while ready and len(running) < course.jobs:
            number = ready.popleft()
            if number not in left:
                continue
            del left[number]
            delivery, held = _without_held(deliveries[number], course)
            yield from _noted(held, course)
            running[pool.submit(work, delivery)] = number
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for number, changes in [(running.pop(future), future.result()) for future in done]:
            yield from _noted(changes, course)
            for child in children.get(number, ()):
                waits[child].discard(number)
                if not waits[child]:
                    ready.append(child)


def skip_delivery(delivery: Delivery, why: str) -> tuple[Change, ...]:
    """Return the changes of a delivery that is not begun."""
    return tuple(
        replace(change, status="skipped", commit=change.parent, detail=why)
        for change in delivery.changes
    )


def _noted(changes: Sequence[Change], course: RunState) -> Iterator[Change]:
    for change in changes:
        course.note(change)
    yield from changes


def _waits(keys: Sequence[Sequence[str]], kinship: Dependencies) -> list[set[int]]:
    """Return for each group of keys the numbers of those that must be done before it."""
    holder = {key: number for number, group in enumerate(keys) for key in group}
    return [
        {
            holder[parent]
            for key in group
            for parent in kinship.parents.get(key, ())
            if parent in holder
        }
        - {number}
        for number, group in enumerate(keys)
    ]


def _without_held(delivery: Delivery, course: RunState) -> tuple[Delivery, tuple[Change, ...]]:
    """Split off the changes that are not begun: those of unpublished parents, or all of them."""
    if why := course.halted():
        return replace(delivery, changes=()), skip_delivery(delivery, why)
    orphans = []
    for change in delivery.changes:
        lost = [
            parent
            for parent in course.kinship.parents.get(change.key, ())
            if course.ended.get(parent) in _BLOCKING
        ]
        if lost and not course.kinship.independent:
            why = f"its parent {lost[0]} was {course.ended[lost[0]]}"
            orphans.append(replace(change, status="skipped", commit=change.parent, detail=why))
    keys = {change.key for change in orphans}
    rest = tuple(change for change in delivery.changes if change.key not in keys)
    return replace(delivery, changes=rest), tuple(orphans)
