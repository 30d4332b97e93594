"""Turn the changes of one repository into results: push, and plan again when a race was lost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.commits import parse_commit, parse_person, parse_trailers
from distgen.git.local import FileIdentity, find_locks, remove_locks
from distgen.git.remote import PushRefusal, RemoteHeads, push, read_remote_heads
from distgen.git.retry import wait_for_retry
from distgen.git.run import hide_secrets
from distgen.git.store import (
    Store,
    has_commit,
    is_ancestor,
    is_intact,
    recreate_if_deleted,
    reset_if_damaged,
    write_commits,
)
from distgen.model.published import Change
from distgen.model.words import Status
from distgen.publish.options import PublishContext, Repository
from distgen.publish.repositories import (
    DesiredTree,
    fetch_tips,
    plan_repository,
    repository_creator,
)

COMMIT_STATUSES = ("created", "updated", "retired")
_ATTEMPTS = 6
_RACE = 0.05  # seconds
_LOCKED = re.compile(r"cannot lock ref|\.lock'")
_UNSEEN = PushRefusal("the push was taken, but the branch does not show it", passing=True)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The changes of one repository, and where it stood when they were planned."""

    repository: Repository
    stands: RemoteHeads
    changes: tuple[Change, ...]
    wanted: Mapping[str, DesiredTree] = field(repr=False)


def fetch_parents(ground: PublishContext, store: Store, delivery: Delivery) -> None:
    """Make sure that the store holds the parents of the delivery's commits."""
    parents = {c.branch: c.parent for c in delivery.changes if c.parent}
    missing = {branch: tip for branch, tip in parents.items() if not has_commit(store, tip)}
    if missing:
        fetch_tips(ground.git, store, delivery.repository.place, RemoteHeads(True, missing))


def deliver(ground: PublishContext, store: Store, delivery: Delivery) -> tuple[Change, ...]:
    """Push a delivery whose commits are in the store; return its changes as they ended."""
    settled: list[Change] = []
    locked: dict[Path, FileIdentity] = {}
    refused: PushRefusal | None = None
    try:
        for attempt in range(_ATTEMPTS):
            if not delivery.changes:
                return tuple(settled)
            if attempt and not _paused(ground, delivery, attempt, refused):
                why = f"the run was interrupted before another attempt: {refused}"
                return (*settled, *_stopped(delivery.changes, "skipped", why))
            if attempt == _ATTEMPTS - 1:
                remove_locks(locked)
            refused = _push(ground, store, delivery, attempt)
            now = _missed(ground, store, delivery, refused)
            if now is None:
                return (*settled, *delivery.changes)
            refused = refused or _UNSEEN
            if _lost(store, delivery.changes) or not _unmoved(delivery, now):
                delivery, done = _planned_again(ground, store, delivery)
                settled += done
            elif _LOCKED.search(refused.why):
                locked = locked or _locks(delivery)
            elif not refused.passing or attempt + 1 >= ground.git.retry.attempts:
                break
    except DistgenError as error:
        refused = PushRefusal(str(error))
    return (*settled, *_stopped(delivery.changes, "failed", str(refused)))


def _lost(store: Store, changes: Sequence[Change]) -> bool:
    """Say whether the store has lost the commits; begin it again when it is gone or damaged."""
    recreate_if_deleted(store)
    seen = store.reader.closings
    try:
        if not all(has_commit(store, change.commit or "") for change in changes):
            return True
        sound = is_intact(store, changes)
    except DistgenError:
        sound = False
    if not sound:
        reset_if_damaged(store, seen)
    return not sound


def _paused(
    ground: PublishContext, delivery: Delivery, attempt: int, refused: PushRefusal | None
) -> bool:
    """Wait before another attempt; return False when the run is interrupted."""
    git = ground.git
    if refused and refused.passing:
        return wait_for_retry(git, attempt - 1, f"{delivery.repository.place}: {refused}")
    return not git.stop.wait(_RACE * 2**attempt * (0.5 + git.retry.jitter() / 2))


def _missed(
    ground: PublishContext, store: Store, delivery: Delivery, refused: PushRefusal | None
) -> RemoteHeads | None:
    """Ask where the branches stand after a push, whatever its answer; None: the commits are there.

    A push that was taken counts, even if the server cannot be asked any more. An interrupted run
    waits for the answer, too: only then the push is at its end.
    """
    patient = replace(ground.git, stop=ground.git.abandon)
    ground, store = replace(ground, git=patient), replace(store, git=patient)
    branches = [change.branch for change in delivery.changes]
    try:
        now = read_remote_heads(ground.git, delivery.repository.place, branches)
        return None if _arrived(ground, store, delivery, now) else now
    except DistgenError:
        if refused is None:
            return None
        raise


def _arrived(ground: PublishContext, store: Store, delivery: Delivery, now: RemoteHeads) -> bool:
    """Say whether the branches hold the commits, be it below newer ones of somebody else."""
    held = {change.branch: change.commit or "" for change in delivery.changes}
    if not held.keys() <= now.tips.keys():
        return False
    if any(now.tips[change.branch] == change.parent for change in delivery.changes):
        return False
    beyond = {branch: tip for branch, tip in now.tips.items() if tip != held.get(branch, tip)}
    if not beyond:
        return True
    seen = fetch_tips(ground.git, store, delivery.repository.place, RemoteHeads(True, beyond))
    return all(is_ancestor(store, tip, held[branch]) for branch, tip in seen.tips.items())


def _locks(delivery: Delivery) -> dict[Path, FileIdentity]:
    folder = delivery.repository.place.folder
    return find_locks(folder, [change.branch for change in delivery.changes]) if folder else {}


def _push(
    ground: PublishContext, store: Store, delivery: Delivery, attempt: int
) -> PushRefusal | None:
    head = None
    ground.options.observe("pushing", _told(delivery, attempt))
    if not delivery.stands.exists:
        if delivery.repository.place.folder is None:
            repository_creator(ground, delivery.repository)()
        branches = [change.branch for change in delivery.changes]
        first = delivery.repository.head
        head = first if first in branches else branches[0]
    return push(store, delivery.repository.place, delivery.changes, head)


def _told(delivery: Delivery, attempt: int) -> dict[str, object]:
    keys = ("image", "stream", "branch", "commit", "parent")
    commits = [{key: getattr(change, key) for key in keys} for change in delivery.changes]
    return {
        "url": hide_secrets(delivery.repository.url),
        "attempt": attempt + 1,
        "commits": commits,
    }


def _unmoved(delivery: Delivery, now: RemoteHeads) -> bool:
    return now.exists == delivery.stands.exists and all(
        now.tips.get(change.branch) == change.parent for change in delivery.changes
    )


def _planned_again(
    ground: PublishContext, store: Store, delivery: Delivery
) -> tuple[Delivery, tuple[Change, ...]]:
    """Plan on what stands now; return what is to be pushed, and what needs no push."""
    keys = {change.key for change in delivery.changes}
    targets = tuple(found for found in delivery.repository.targets if found.key in keys)
    repository = replace(delivery.repository, targets=targets)
    stands, planned = plan_repository(ground, repository, delivery.wanted)
    fetch_parents(ground, store, replace(delivery, changes=_committed(planned)))
    before = {change.key: change.parent for change in delivery.changes}
    planned = tuple(_held_if_overtaken(ground, store, c, before[c.key]) for c in planned)
    write_commits(store, _committed(planned))
    again = replace(delivery, stands=stands, changes=_committed(planned))
    return again, tuple(c for c in planned if c.status not in COMMIT_STATUSES)


def _committed(planned: Sequence[Change]) -> tuple[Change, ...]:
    return tuple(change for change in planned if change.status in COMMIT_STATUSES)


def _held_if_overtaken(
    ground: PublishContext, store: Store, change: Change, before: str | None
) -> Change:
    """Return the change, skipped when another run brought its branch to a newer catalogue.

    Dates tell, for a clone of the older state need not have the newer one.
    """
    tip = store.reader.read(change.parent) if change.parent else None
    if change.status not in COMMIT_STATUSES or change.parent == before or tip is None:
        return change
    theirs, ours = parse_commit(tip.content), ground.options.provenance
    said = parse_trailers(theirs.message)
    about = (said.get("Distgen-Image"), said.get("Distgen-Stream"))
    source = said.get("Distgen-Source", ours.source)
    is_older = parse_person(theirs.committer)[1] <= ours.date
    if about != (change.image, change.stream) or source == ours.source or is_older:
        return change
    newer = hide_secrets(source)
    why = f"another run published {newer} meanwhile, which is newer; publish from there"
    return replace(change, status="skipped", commit=change.parent, detail=why)


def _stopped(found: Sequence[Change], status: Status, why: str) -> tuple[Change, ...]:
    return tuple(replace(c, status=status, commit=c.parent, detail=why) for c in found)
