"""What distgen asks of a forge: each sibling here defines one `Forge`.

Forges differ in where a review lives (a branch, a ref that is pushed to) and in what their
interfaces answer. Which reviews there should be is decided in `propose`, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

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
from distgen.publish.options import RepositoryCreation


def unchanged_message(context: ReviewContext, change: Change, footers: Sequence[str]) -> Change:
    """Return the change as it is: what is merged is then what would have been published."""
    return change


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """One forge, which its module defines as `FORGE`; what has a default may be left out."""

    text_limit: int
    """How many bytes the text of a review may have."""

    token_user: str = "distgen"
    """Who a token speaks for, where the configuration does not say."""

    has_api: bool = False
    """Whether its interface is used; git's credential helpers are then asked for a token."""

    file_path: str = ""
    """What stands between the addresses of a repository and of a commit's file in a browser."""

    creation_hint: Callable[[Place], str]
    """Returns the command with which a person makes a missing repository."""

    create_repository: Callable[[Place, Account, RepositoryProfile], None] | None = None
    """Makes a missing repository; None where only a person can."""

    ref_patterns: Callable[[str], Sequence[str]]
    """Returns the refs at which reviews of a stream may be."""

    find_reviews: Callable[[ReviewContext, ReviewSubject, Refs], Sequence[Review]]
    """Returns the reviews of a subject that are not merged, whoever pushed to them last."""

    submit: Callable[[ReviewContext, Change, Proposal, Review | None], ReviewOutcome]
    """Opens the review of a change, or brings the one there is up to date."""

    withdraw: Callable[[ReviewContext, Review], ReviewOutcome]
    """Closes a review that has nothing left to propose."""

    with_message: Callable[[ReviewContext, Change, Sequence[str]], Change] = unchanged_message
    """Returns the change with the message that the forge needs, footers included."""

    find_obstacle: Callable[[Place, Account], str | None] | None = None
    """Returns what keeps an account from pushing to a repository, "" where nothing does.

    None where the forge does not say.
    """

    depends_on_footer: Callable[[ReviewContext, ReviewSubject], str] | None = None
    """Returns the line by which the message of a child's commit names the review of a parent."""


def plan_creation(
    forge: Forge, place: Place, profile: RepositoryProfile, find_account: Callable[[], Account]
) -> RepositoryCreation:
    """Return how a missing repository is made: by the forge if it can, else by a person."""
    hint = forge.creation_hint(place)
    if forge.create_repository is None:
        return RepositoryCreation(hint)
    account = find_account()
    if not account.token:
        return RepositoryCreation(f"{hint}, or name a token that may: dist_git.token_env")
    return RepositoryCreation(hint, partial(forge.create_repository, place, account, profile))
