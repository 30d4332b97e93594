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
from distgen.forges.records import About, Account, Desk, Refs, Review, Subject, Told
from distgen.git.location import Place
from distgen.model.published import Change

NAMES = ("github", "gerrit", "gitlab", "forgejo")


class Forge(Protocol):
    """The shape of the siblings."""

    LIMIT: int
    """How many bytes the text of a review may have."""

    CREATES: bool
    """Whether repositories can be made."""

    def patterns(self, stream: str) -> Sequence[str]:
        """Return the refs at which reviews of a stream may be."""

    def dependence(self, desk: Desk, subject: Subject) -> str:
        """Return the line by which the message of a child's commit names this review, or ""."""

    def worded(self, desk: Desk, change: Change, footers: Sequence[str]) -> Change:
        """Return the change with the message that the forge needs."""

    def find(self, desk: Desk, subject: Subject, refs: Refs) -> Sequence[Review]:
        """Return the reviews of a subject that are not merged, whoever pushed to them last."""

    def submit(self, desk: Desk, change: Change, proposal: Proposal, review: Review | None) -> Told:
        """Open the review of a change, or bring the one there is up to date."""

    def withdraw(self, desk: Desk, review: Review) -> Told:
        """Close a review that has nothing left to propose."""

    def create(self, place: Place, account: Account, about: About) -> None:
        """Make a missing repository, where `CREATES` says that the forge can be asked to."""


def forge(name: str) -> Forge:
    """Return the sibling of that name, loaded now: their libraries must cost nobody else."""
    return cast(Forge, importlib.import_module(f"distgen.forges.{name}"))


def maker(name: str, place: Place, account: Account, about: About) -> Callable[[], None] | None:
    """Return what makes a missing repository; None where the forge cannot be asked to."""
    family = forge(name) if name in NAMES and place.folder is None and account.token else None
    return partial(family.create, place, account, about) if family and family.CREATES else None
