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
from distgen.model.words import COMMIT_STATUSES
from distgen.propose.reviews import ReviewPlan
from distgen.publish.deliver import fetch_parents
from distgen.publish.options import PublishContext
from distgen.publish.repository_plan import plan_repository
from distgen.publish.results import without_commit

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
    commits = {commit.commit: commit for commit in map(first_change, missing)}
    with suppress(DistgenError):  # the same error is reported when the branch is begun
        write_commits(store, list(commits.values()))


def prepare_commits(context: PublishContext, plan: ReviewPlan, footers: Footers) -> ReviewPlan:
    """Begin missing branches, word the commits, and bring their parents into the store."""
    delivery = plan.delivery
    if context.git.stop.is_set():
        return plan
    try:
        changes = delivery.changes if plan.dry else _begin_branches(context, plan)
        changes = tuple(_finish_commit(context, plan, change, footers) for change in changes)
        pushed = () if plan.dry else COMMIT_STATUSES
        needed = (c for c in changes if plan.has_reviews(c) or c.status in pushed)
        fetch_parents(context, replace(delivery, changes=tuple(needed)))
    except DistgenError as error:
        changes = tuple(without_commit(c, "failed", str(error)) for c in delivery.changes)
    return replace(plan, delivery=replace(delivery, changes=changes))


def _finish_commit(
    context: PublishContext, plan: ReviewPlan, change: Change, footers: Footers
) -> Change:
    """Return the change with the message that the forge wants, signed when commits are to be."""
    if change.status not in COMMIT_STATUSES:
        return change
    change = plan.forge.with_message(plan.review_context, change, footers.get(change.key, ()))
    sign = context.options.sign
    return sign_change(change, sign) if sign and not change.signature else change


def _begin_branches(context: PublishContext, plan: ReviewPlan) -> tuple[Change, ...]:
    """Begin the branches that are missing, the first one first, and plan on them again."""
    delivery, repository = plan.delivery, plan.delivery.repository
    missing = [change for change in delivery.changes if change.status == "created"]
    missing.sort(key=lambda change: change.branch != repository.head)
    if not missing:
        return delivery.changes
    exists = delivery.heads.exists
    failures: dict[str, Change] = {}
    for change in missing:
        failure = _begin_branch(context, plan, change, None if exists else repository.head)
        if failure:
            failures[change.key] = failure
        else:
            exists = True
    keys = {change.key for change in delivery.changes} - failures.keys()
    targets = tuple(target for target in repository.targets if target.key in keys)
    if not targets:
        return tuple(failures[change.key] for change in delivery.changes)
    repository = replace(repository, targets=targets)
    new_plan = plan_repository(context, repository, delivery.desired_trees)
    changes = failures | {change.key: change for change in new_plan.changes}
    return tuple(changes[change.key] for change in delivery.changes)


def _begin_branch(
    context: PublishContext, plan: ReviewPlan, change: Change, head: str | None
) -> Change | None:
    """Push the first commit of a branch; return the change as failed when that is impossible."""
    place = plan.review_context.place
    refusal = push(plan.review_context.store, place, [first_change(change)], head).refusal
    if refusal is None or read_remote_heads(context.git, place, [change.branch]).tips:
        return None
    error = DistgenError(
        f"branch {change.branch} cannot be begun: {refusal}",
        where=place,
        hint="begin it by hand, for a review needs a commit to be based on",
    )
    return replace(change, status="failed", commit=None, detail=str(error))
