"""Turn the changes of one repository into results: push, and plan again when a race was lost."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from distgen.errors import DistgenError
from distgen.model import Change
from distgen.publish.repositories import Ground, Repository, Wanted, bring, changes, creation
from distgen.store import Store, has, write
from distgen.store.localgit import Identity, locks, unlock
from distgen.store.remotes import Survey, push, survey

COMMITTED = ("created", "updated", "retired")
_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Delivery:
    """The changes of one repository, and where it stood when they were planned."""

    repository: Repository
    stands: Survey
    changes: tuple[Change, ...]
    wanted: Mapping[str, Wanted] = field(repr=False)


def supply(ground: Ground, store: Store, delivery: Delivery) -> None:
    """Make sure that the store holds the parents of the delivery's commits."""
    parents = {c.branch: c.parent for c in delivery.changes if c.parent}
    missing = {branch: tip for branch, tip in parents.items() if not has(store, tip)}
    if missing:
        bring(ground.git, store, delivery.repository.place, Survey(True, missing))


def deliver(ground: Ground, store: Store, delivery: Delivery) -> tuple[Change, ...]:
    """Push a delivery whose commits are in the store; return its changes as they ended."""
    settled: list[Change] = []
    locked: dict[Path, Identity] = {}
    refused = ""
    try:
        for attempt in range(_ATTEMPTS):
            if not delivery.changes:
                return tuple(settled)
            if attempt:
                time.sleep(0.05 * 2**attempt)
            if attempt == _ATTEMPTS - 1:
                unlock(locked)
            refused = _push(ground, store, delivery)
            now = delivery.stands if not refused else _asked_again(ground, delivery)
            # A push may arrive though its answer does not.
            if not refused or all(now.tips.get(c.branch) == c.commit for c in delivery.changes):
                return (*settled, *delivery.changes)
            if not _unmoved(delivery, now):
                delivery, done = _planned_again(ground, store, delivery)
                settled += done
            elif "lock" in refused:
                locked = locked or _locks(delivery)
            else:
                break
    except DistgenError as error:
        refused = str(error)
    return (*settled, *_failed(delivery.changes, refused))


def _asked_again(ground: Ground, delivery: Delivery) -> Survey:
    branches = [change.branch for change in delivery.changes]
    return survey(ground.git, delivery.repository.place, branches)


def _locks(delivery: Delivery) -> dict[Path, Identity]:
    folder = delivery.repository.place.folder
    return locks(folder, [change.branch for change in delivery.changes]) if folder else {}


def _push(ground: Ground, store: Store, delivery: Delivery) -> str:
    head = None
    if not delivery.stands.exists:
        if delivery.repository.place.folder is None:
            creation(ground.options, delivery.repository)()
        branches = [change.branch for change in delivery.changes]
        first = delivery.repository.head
        head = first if first in branches else branches[0]
    return push(store, delivery.repository.place, delivery.changes, head)


def _unmoved(delivery: Delivery, now: Survey) -> bool:
    return now.exists == delivery.stands.exists and all(
        now.tips.get(change.branch) == change.parent for change in delivery.changes
    )


def _planned_again(
    ground: Ground, store: Store, delivery: Delivery
) -> tuple[Delivery, tuple[Change, ...]]:
    """Plan on what stands now; return what is to be pushed, and what needs no push."""
    keys = {change.key for change in delivery.changes}
    targets = tuple(found for found in delivery.repository.targets if found.key in keys)
    repository = replace(delivery.repository, targets=targets)
    stands, planned = changes(ground, repository, delivery.wanted)
    again = replace(
        delivery, stands=stands, changes=tuple(c for c in planned if c.status in COMMITTED)
    )
    supply(ground, store, again)
    write(store, again.changes)
    return again, tuple(c for c in planned if c.status not in COMMITTED)


def _failed(found: Sequence[Change], why: str) -> tuple[Change, ...]:
    return tuple(replace(c, status="failed", commit=c.parent, detail=why) for c in found)
