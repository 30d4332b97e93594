"""Wait until a repository of another shard shows what it is to hold, without holding up others."""

from __future__ import annotations

import time
from dataclasses import replace

from distgen.errors import DistgenError
from distgen.git.remote import RemoteHeads, read_remote_heads
from distgen.model.published import Change
from distgen.model.words import COMMIT_STATUSES
from distgen.publish.deliver import deliver
from distgen.publish.delivery import Delivery, Postponed
from distgen.publish.options import PublishContext
from distgen.publish.repository_plan import plan_repository
from distgen.publish.results import without_commit
from distgen.publish.shard import Shard

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.3, 5.0  # seconds
_PART = 0.2  # of the time that was waited, before the next look


def deliver_or_await(context: PublishContext, delivery: Delivery) -> tuple[Change, ...] | Postponed:
    """Push what is this run's; look whether another shard has pushed the rest."""
    shard = context.options.shard
    if shard is None or shard.owns(delivery.repository.url):
        return deliver(context, delivery)
    return _look_at_parent(context, shard, delivery) if delivery.changes else ()


def _look_at_parent(
    context: PublishContext, shard: Shard, delivery: Delivery
) -> tuple[Change, ...] | Postponed:
    """Return the changes of another shard's delivery once the server shows them, or wait on."""
    now = time.monotonic()
    begun = delivery.begun or now
    trouble = ""
    try:
        branches = [target.branch for target in delivery.repository.targets]
        heads = read_remote_heads(context.git, delivery.repository.place, branches)
        delivery = _plan_if_moved(context, delivery, heads)
        if _is_shown(delivery, heads):
            return delivery.changes
    except DistgenError as error:  # the next look may be answered
        trouble = f" ({error})"
    if now - begun >= shard.wait:
        return tuple(_give_up(change, shard, trouble) for change in delivery.changes)
    if delivery.begun == 0:
        context.options.tell(_describe_wait(delivery, shard))
    delivery = replace(delivery, begun=begun)
    pause = min(_LONGEST_PAUSE, _SHORTEST_PAUSE + _PART * (now - begun))
    return Postponed(delivery, now + min(pause, max(0.0, begun + shard.wait - now)))


def _describe_wait(delivery: Delivery, shard: Shard) -> str:
    changes = [change for change in delivery.changes if change.status in COMMIT_STATUSES]
    commits = ", ".join(f"{change.key} to be {(change.commit or '')[:12]}" for change in changes)
    return f"waiting for {commits}: another shard publishes it; at most {shard.wait:g} seconds"


def _is_shown(delivery: Delivery, heads: RemoteHeads) -> bool:
    """Say whether the commits are there that are expected; their ids follow from the plan."""
    changes = [change for change in delivery.changes if change.status in COMMIT_STATUSES]
    return all(heads.tips.get(change.branch) == change.commit for change in changes)


def _plan_if_moved(context: PublishContext, delivery: Delivery, heads: RemoteHeads) -> Delivery:
    """Plan again where somebody else has moved a branch, as its own shard does.

    A signed commit may have another id than the planned one, but it leaves nothing to be done.
    """
    if all(heads.tips.get(c.branch) in (c.parent, c.commit) for c in delivery.changes):
        return delivery
    keys = {change.key for change in delivery.changes}
    targets = tuple(target for target in delivery.repository.targets if target.key in keys)
    repository = replace(delivery.repository, targets=targets)
    plan = plan_repository(context, repository, delivery.desired_trees, lambda: heads)
    if any(change.status in ("failed", "skipped") for change in plan.changes):
        return delivery
    return replace(delivery, heads=plan.heads, changes=plan.changes)


def _give_up(change: Change, shard: Shard, trouble: str) -> Change:
    if change.status not in COMMIT_STATUSES:
        return change
    commit = (change.commit or "")[:12]
    reason = f"branch {change.branch} does not show commit {commit} after {shard.wait:g} seconds"
    return without_commit(change, "failed", f"{reason}{trouble}; does the shard of it run?")
