"""How a change becomes a review on a forge: siblings of one shape, github, gerrit, gitlab, forgejo.

Each module has what `Forge` says. They differ in where a review lives (a branch, a ref that is
pushed to) and in what can be asked; which reviews there should be is none of their business.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, cast

from distgen.forges.message import Proposal
from distgen.forges.records import (
    Account,
    Refs,
    RepositoryProfile,
    Review,
    ReviewContext,
    ReviewOutcome,
    ReviewSubject,
)
from distgen.git.location import Place
from distgen.model.published import Change

NAMES = ("github", "gerrit", "gitlab", "forgejo")


class Forge(Protocol):
    """The shape of the siblings."""

    LIMIT: int
    """How many bytes the text of a review may have."""

    CREATES: bool
    """Whether repositories can be made."""

    def ref_patterns(self, stream: str) -> Sequence[str]:
        """Return the refs at which reviews of a stream may be."""

    def depends_on_footer(self, desk: ReviewContext, subject: ReviewSubject) -> str:
        """Return the line by which the message of a child's commit names this review, or ""."""

    def with_message(self, desk: ReviewContext, change: Change, footers: Sequence[str]) -> Change:
        """Return the change with the message that the forge needs."""

    def find_reviews(
        self, desk: ReviewContext, subject: ReviewSubject, refs: Refs
    ) -> Sequence[Review]:
        """Return the reviews of a subject that are not merged, whoever pushed to them last."""

    def submit(
        self, desk: ReviewContext, change: Change, proposal: Proposal, review: Review | None
    ) -> ReviewOutcome:
        """Open the review of a change, or bring the one there is up to date."""

    def withdraw(self, desk: ReviewContext, review: Review) -> ReviewOutcome:
        """Close a review that has nothing left to propose."""

    def create_repository(self, place: Place, account: Account, about: RepositoryProfile) -> None:
        """Make a missing repository, where `CREATES` says that the forge can be asked to."""


def load_forge(name: str) -> Forge:
    """Return the sibling of that name, loaded now: their libraries must cost nobody else."""
    return cast(Forge, importlib.import_module(f"distgen.forges.{name}"))


def repository_maker(
    name: str, place: Place, account: Account, about: RepositoryProfile
) -> Callable[[], None] | None:
    """Return what makes a missing repository; None where the forge cannot be asked to."""
    family = load_forge(name) if name in NAMES and place.folder is None and account.token else None
    return (
        partial(family.create_repository, place, account, about)
        if family and family.CREATES
        else None
    )
