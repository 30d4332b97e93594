"""Turn a plan into one whose commits can be proposed: branches begun, messages worded, signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from distgen.errors import DistgenError
from distgen.forges.message import first_change
from distgen.git.commits import sign_change
from distgen.git.remote import push, read_remote_heads
from distgen.git.store import Store, write_commits
from distgen.model.published import Change
from distgen.propose.reviews import ReviewPlan
from distgen.publish.deliver import COMMIT_STATUSES, fetch_parents
from distgen.publish.options import PublishContext
from distgen.publish.repositories import plan_repository

Footers = Mapping[str, tuple[str, ...]]
"""The lines at the end of an image's message, by its key."""


def write_initial_commits(store: Store, plans: Iterable[ReviewPlan]) -> None:
    """Write the commits that missing branches begin with, in one go: most are the same commit."""
    missing = (
        change
        for plan in plans
        for change in plan.delivery.changes
        if change.status == "created" and not plan.dry
    )
    seeds = {seed.commit: seed for seed in map(first_change, missing)}
    with suppress(DistgenError):  # what that fails for is told when its branch is begun
        write_commits(store, list(seeds.values()))


def prepare_commits(ground: PublishContext, plan: ReviewPlan, footers: Footers) -> ReviewPlan:
    """Begin missing branches, word the commits, and bring what they stand on into the store."""
    delivery = plan.delivery
    if ground.git.stop.is_set():
        return plan
    try:
        planned = tuple(
            _worded(ground, plan, change, footers)
            for change in (delivery.changes if plan.dry else _begun(ground, plan))
        )
        made = () if plan.dry else COMMIT_STATUSES
        needed = [c for c in planned if plan.has_reviews(c) or c.status in made]
        fetch_parents(ground, plan.desk.store, replace(delivery, changes=tuple(needed)))
    except DistgenError as error:
        planned = tuple(
            replace(change, status="failed", commit=change.parent, detail=str(error))
            for change in delivery.changes
        )
    return replace(plan, delivery=replace(delivery, changes=planned))


def _worded(ground: PublishContext, plan: ReviewPlan, change: Change, footers: Footers) -> Change:
    """Return the change as the forge wants it, signed when commits are to be."""
    if change.status not in COMMIT_STATUSES:
        return change
    found = plan.forge.with_message(plan.desk, change, footers.get(change.key, ()))
    sign = ground.options.sign
    return sign_change(found, sign) if sign and not found.signature else found


def _begun(ground: PublishContext, plan: ReviewPlan) -> tuple[Change, ...]:
    """Begin the branches that are missing, the first one first, and plan on them again."""
    delivery = plan.delivery
    missing = [change for change in delivery.changes if change.status == "created"]
    missing.sort(key=lambda change: change.branch != delivery.repository.head)
    if not missing:
        return delivery.changes
    exists = delivery.stands.exists
    failed: dict[str, Change] = {}
    for change in missing:
        seed = first_change(change)
        head = None if exists else delivery.repository.head
        refused = push(plan.desk.store, plan.desk.place, [seed], head)
        if refused and not read_remote_heads(ground.git, plan.desk.place, [change.branch]).tips:
            why = DistgenError(
                f"branch {change.branch} cannot be begun: {refused}",
                where=plan.desk.place,
                hint="begin it by hand, for a review needs something to stand on",
            )
            failed[change.key] = replace(change, status="failed", commit=None, detail=str(why))
        else:
            exists = True
    keys = {change.key for change in delivery.changes} - failed.keys()
    targets = tuple(found for found in delivery.repository.targets if found.key in keys)
    repository = replace(delivery.repository, targets=targets)
    again = plan_repository(ground, repository, delivery.wanted)[1] if targets else ()
    now = failed | {change.key: change for change in again}
    return tuple(now[change.key] for change in delivery.changes)
