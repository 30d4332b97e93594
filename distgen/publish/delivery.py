"""What is to be pushed to one repository, and what is looked at again later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from distgen.git.remote import RemoteHeads
from distgen.model.published import Change
from distgen.model.words import COMMIT_STATUSES
from distgen.publish.repository_access import Repository
from distgen.publish.repository_plan import DesiredTree


@dataclass(frozen=True, slots=True)
class Delivery:
    """The changes of one repository, and its heads when they were planned.

    `begun` is when the waiting for another shard began that delivers it, 0 before.
    """

    repository: Repository
    heads: RemoteHeads
    changes: tuple[Change, ...]
    desired_trees: Mapping[str, DesiredTree] = field(repr=False)
    begun: float = 0.0

    def with_commits_only(self) -> Delivery:
        """Return the delivery with those changes only that have a commit to push."""
        changes = (change for change in self.changes if change.status in COMMIT_STATUSES)
        return replace(self, changes=tuple(changes))


@dataclass(frozen=True, slots=True)
class Postponed:
    """A delivery to look at again, at a time of the monotonic clock."""

    delivery: Delivery
    due: float


def split_decided(
    deliveries: Sequence[Delivery],
) -> tuple[tuple[Change, ...], tuple[Delivery, ...]]:
    """Split the changes that need no push from the deliveries of those that do."""
    changes = (change for delivery in deliveries for change in delivery.changes)
    decided = tuple(change for change in changes if change.status not in COMMIT_STATUSES)
    deliveries = tuple(delivery.with_commits_only() for delivery in deliveries)
    return decided, tuple(delivery for delivery in deliveries if delivery.changes)
