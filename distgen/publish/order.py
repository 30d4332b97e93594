"""Work on repositories in parallel: parents before children, children of a failure not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace

from distgen.model import Change
from distgen.publish.deliver import Delivery

_BLOCKING = ("failed", "refused", "skipped")
Work = Callable[[Delivery], tuple[Change, ...]]


@dataclass(frozen=True, slots=True)
class Kinship:
    """The parents of each image by key, and whether children are published without them."""

    parents: Mapping[str, tuple[str, ...]]
    independent: bool = False


def in_order(
    pool: Executor,
    work: Work,
    deliveries: Sequence[Delivery],
    kinship: Kinship,
    settled: Sequence[Change],
) -> Iterator[Change]:
    """Yield the changes of the deliveries as `work` leaves them; `settled` are known already.

    A repository starts when those of its parents are done. Where streams make two repositories
    wait for each other, the first goes first, for all streams of one are pushed at once.
    """
    ended = {change.key: change for change in settled}
    waits = _waits(deliveries, kinship)
    children: dict[int, list[int]] = {}
    for number, before in enumerate(waits):
        for parent in before:
            children.setdefault(parent, []).append(number)
    ready = deque(number for number, before in enumerate(waits) if not before)
    left = dict.fromkeys(range(len(deliveries)))
    running: dict[Future[tuple[Change, ...]], int] = {}
    while left or running:
        if not ready and not running:
            ready.append(next(iter(left)))
        finished: list[tuple[int, tuple[Change, ...]]] = []
        while ready:
            number = ready.popleft()
            if number not in left:
                continue
            del left[number]
            delivery, orphans = _without_orphans(deliveries[number], kinship, ended)
            ended |= {change.key: change for change in orphans}
            yield from orphans
            running[pool.submit(work, delivery)] = number
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        finished = [(running.pop(future), future.result()) for future in done]
        for number, changes in finished:
            ended |= {change.key: change for change in changes}
            yield from changes
            for child in children.get(number, ()):
                waits[child].discard(number)
                if not waits[child]:
                    ready.append(child)


def _waits(deliveries: Sequence[Delivery], kinship: Kinship) -> list[set[int]]:
    """Return for each delivery the numbers of those that must be done before it."""
    holder = {c.key: number for number, d in enumerate(deliveries) for c in d.changes}
    return [
        {
            holder[parent]
            for change in delivery.changes
            for parent in kinship.parents.get(change.key, ())
            if parent in holder
        }
        - {number}
        for number, delivery in enumerate(deliveries)
    ]


def _without_orphans(
    delivery: Delivery, kinship: Kinship, ended: Mapping[str, Change]
) -> tuple[Delivery, tuple[Change, ...]]:
    """Split off the changes whose parent was not published."""
    orphans = []
    for change in delivery.changes:
        lost = [
            ended[parent]
            for parent in kinship.parents.get(change.key, ())
            if parent in ended and ended[parent].status in _BLOCKING
        ]
        if lost and not kinship.independent:
            why = f"its parent {lost[0].key} was {lost[0].status}"
            orphans.append(replace(change, status="skipped", commit=change.parent, detail=why))
    keys = {change.key for change in orphans}
    rest = tuple(change for change in delivery.changes if change.key not in keys)
    return replace(delivery, changes=rest), tuple(orphans)
