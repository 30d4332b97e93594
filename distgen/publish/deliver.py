"""Turn the changes of one repository into results: push, and plan again when a race was lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.local import FileIdentity, find_locks, remove_locks
from distgen.git.remote import PushAnswer, PushRefusal, RemoteHeads, push, read_remote_heads
from distgen.git.retry import wait_for_retry
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
from distgen.model.words import COMMIT_STATUSES
from distgen.publish.delivery import Delivery
from distgen.publish.events import report_push
from distgen.publish.options import PublishContext
from distgen.publish.repository_access import fetch_tips
from distgen.publish.repository_plan import plan_repository, repository_creator
from distgen.publish.results import without_commit

_ATTEMPTS = 6
_RACE_PAUSE = 0.05  # seconds
# What git says of its own locks. The word "locked" alone is not enough: a hook that refused with
# "this branch is locked" was pushed against six times.
_LOCKED_REF = re.compile(r"cannot lock ref|\.lock'")
# A mirror that overwrites the repository, or a hook, may undo a push that the server has taken.
_NOT_SHOWN = PushRefusal("the push was taken, but the branch does not show it", temporary=True)
_ALONE = "the server moved this branch alone, though it had offered to move all or none"


def fetch_parents(context: PublishContext, delivery: Delivery) -> None:
    """Make sure that the store holds the parents of the delivery's commits."""
    parents = {change.branch: change.parent for change in delivery.changes if change.parent}
    missing = {branch: tip for branch, tip in parents.items() if not has_commit(context.store, tip)}
    if missing:
        fetch_tips(context.store, delivery.repository.place, RemoteHeads(True, missing))


def deliver(context: PublishContext, delivery: Delivery) -> tuple[Change, ...]:
    """Push a delivery whose commits are in the store; return its changes as they ended."""
    decided: list[Change] = []
    locked_refs: dict[Path, FileIdentity] = {}
    refusal: PushRefusal | None = None
    try:
        for attempt in range(_ATTEMPTS):
            if not delivery.changes:
                return tuple(decided)
            if attempt and not _pause(context, delivery, attempt, refusal):
                reason = f"the run was interrupted before another attempt: {refusal}"
                skipped = (without_commit(c, "skipped", reason) for c in delivery.changes)
                return (*decided, *skipped)
            # A lock that has stayed the same for all attempts was left by a git that was killed; a
            # branch with one could not be published until a person removed it.
            if attempt == _ATTEMPTS - 1:
                remove_locks(locked_refs)
            answer = _push(context, delivery, attempt)
            if answer.is_settled:
                return (*decided, *delivery.changes)
            refusal = answer.refusal
            heads = _heads_if_missed(context, delivery, refusal)
            if heads is None:
                return (*decided, *delivery.changes)
            refusal = refusal or _NOT_SHOWN
            delivery, taken = _split_taken(delivery, heads, refusal)
            decided += taken
            if _store_lost_commits(context.store, delivery.changes) or _heads_moved(
                delivery, heads
            ):
                delivery, changes = _plan_again(context, delivery)
                decided += changes
            elif _LOCKED_REF.search(refusal.reason):
                locked_refs = locked_refs or _find_locks(delivery)
            elif not refusal.temporary or attempt + 1 >= context.git.retry.attempts:
                break
    except DistgenError as error:
        refusal = PushRefusal(str(error))
    return (*decided, *(without_commit(c, "failed", str(refusal)) for c in delivery.changes))


def _store_lost_commits(store: Store, changes: Sequence[Change]) -> bool:
    """Say whether the store has lost the commits; begin it again when it is gone or damaged."""
    # Rotten packs, and objects that a power cut had emptied, made every run fail until a person
    # deleted the store. It may also be deleted while a run uses it.
    recreate_if_deleted(store)
    close_count = store.reader.close_count
    try:
        if not all(has_commit(store, change.commit or "") for change in changes):
            return True
        sound = is_intact(store, changes)
    except DistgenError:
        sound = False
    if not sound:
        reset_if_damaged(store, close_count)
    return not sound


def _pause(
    context: PublishContext, delivery: Delivery, attempt: int, refusal: PushRefusal | None
) -> bool:
    """Wait before another attempt; return False when the run is interrupted."""
    git = context.git
    if refusal and refusal.temporary:
        return wait_for_retry(git, attempt - 1, f"{delivery.repository.place}: {refusal}")
    return not git.stop.wait(_RACE_PAUSE * 2**attempt * (0.5 + git.retry.jitter() / 2))


def _heads_if_missed(
    context: PublishContext, delivery: Delivery, refusal: PushRefusal | None
) -> RemoteHeads | None:
    """Ask for the heads after a push that its answer does not settle; None: they hold the commits.

    A push that was taken counts, even if the server cannot be asked any more. An interrupted run
    waits for the answer, too: the push is at its end only then.
    """
    git = replace(context.git, stop=context.git.abandon)
    context = replace(context, store=replace(context.store, git=git))
    branches = [change.branch for change in delivery.changes]
    try:
        heads = read_remote_heads(git, delivery.repository.place, branches)
        return None if _contain_commits(context, delivery, heads) else heads
    except DistgenError:
        if refusal is None:
            return None
        raise


def _contain_commits(context: PublishContext, delivery: Delivery, heads: RemoteHeads) -> bool:
    """Say whether the heads are the commits, or newer ones of somebody else on top of them."""
    commits = {change.branch: change.commit or "" for change in delivery.changes}
    if not commits.keys() <= heads.tips.keys():
        return False
    if any(heads.tips[change.branch] == change.parent for change in delivery.changes):
        return False
    newer = {branch: tip for branch, tip in heads.tips.items() if tip != commits.get(branch, tip)}
    if not newer:
        return True
    fetched = fetch_tips(context.store, delivery.repository.place, RemoteHeads(True, newer))
    return all(
        is_ancestor(context.store, tip, commits[branch]) for branch, tip in fetched.tips.items()
    )


def _split_taken(
    delivery: Delivery, heads: RemoteHeads, refusal: PushRefusal
) -> tuple[Delivery, tuple[Change, ...]]:
    """Split off the changes that the server made alone.

    The first of a new repository is pushed alone. The others are to be made together, but a server
    may offer to move all branches or none when it is asked, and do it no more for the push.
    """
    taken: list[Change] = []
    rest: list[Change] = []
    for change in delivery.changes:
        is_shown = heads.tips.get(change.branch) == change.commit
        (taken if is_shown and change.branch in refusal.taken else rest).append(change)
    if delivery.heads.exists:
        taken = [replace(change, detail=_ALONE) for change in taken]
    return replace(delivery, changes=tuple(rest)), tuple(taken)


def _find_locks(delivery: Delivery) -> dict[Path, FileIdentity]:
    folder = delivery.repository.place.folder
    return find_locks(folder, [change.branch for change in delivery.changes]) if folder else {}


def _push(context: PublishContext, delivery: Delivery, attempt: int) -> PushAnswer:
    repository = delivery.repository
    report_push(context.options.observe, repository.url, attempt, delivery.changes)
    head = None
    if not delivery.heads.exists:
        if repository.place.folder is None:
            create = repository_creator(context, repository)
            create()
        branches = [change.branch for change in delivery.changes]
        head = repository.head if repository.head in branches else branches[0]
    return push(context.store, repository.place, delivery.changes, head)


def _heads_moved(delivery: Delivery, heads: RemoteHeads) -> bool:
    """Say whether the heads are not those that the changes were planned on."""
    return heads.exists != delivery.heads.exists or any(
        heads.tips.get(change.branch) != change.parent for change in delivery.changes
    )


def _plan_again(context: PublishContext, delivery: Delivery) -> tuple[Delivery, tuple[Change, ...]]:
    """Plan on the heads as they are now; return what to push, and the changes without a push."""
    old_parents = {change.key: change.parent for change in delivery.changes}
    repository = delivery.repository
    targets = tuple(target for target in repository.targets if target.key in old_parents)
    repository = replace(repository, targets=targets)
    plan = plan_repository(context, repository, delivery.desired_trees)
    fetch_parents(context, replace(delivery, changes=plan.changes).with_commits_only())
    changes = tuple(
        _with_rewrite_note(context, change, old_parents[change.key]) for change in plan.changes
    )
    delivery = replace(delivery, heads=plan.heads, changes=changes).with_commits_only()
    write_commits(context.store, delivery.changes)
    return delivery, tuple(c for c in changes if c.status not in COMMIT_STATUSES)


def _with_rewrite_note(context: PublishContext, change: Change, old_parent: str | None) -> Change:
    """Say in a change that somebody took the commit away that it was planned on at first."""
    store, parent = context.store, change.parent
    if old_parent is None or parent == old_parent or change.status not in COMMIT_STATUSES:
        return change
    if parent is None:
        note = f"branch {change.branch} was deleted meanwhile"
    elif not is_ancestor(store, parent, old_parent):
        note = f"the history of {change.branch} was rewritten meanwhile, without {old_parent[:12]}"
    else:
        return change
    return replace(change, detail="; ".join(filter(None, (note, change.detail))))
