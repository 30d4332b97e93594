"""Turn the plan of a branch into what becomes of its review: opened, updated, closed, left."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from distgen.errors import DistgenError, printable
from distgen.forges.forge import Forge
from distgen.forges.message import describe_change, first_change, is_commit_of, is_same
from distgen.forges.records import (
    NOTHING_LEFT,
    Refs,
    Review,
    ReviewContext,
    ReviewMoved,
    ReviewOutcome,
    ReviewSubject,
)
from distgen.forges.refs import fetch_commits
from distgen.git.commits import parse_commit
from distgen.git.remote import list_refs
from distgen.git.run import hide_secrets
from distgen.git.store import has_commit, is_ancestor, write_commits
from distgen.model.published import Change
from distgen.model.words import MANIFEST
from distgen.publish.deliver import COMMIT_STATUSES, Delivery
from distgen.publish.options import Observer, ignore_step

_RACES = 3


@dataclass(frozen=True, slots=True)
class ReviewPlan:
    """A repository with what stands there, what is planned, and where its reviews are.

    `observe` hears of each push; `attempt` counts from 0.
    """

    desk: ReviewContext
    forge: Forge
    delivery: Delivery
    refs: Refs
    dry: bool = False
    observe: Observer = ignore_step
    attempt: int = 0

    def subject(self, change: Change) -> ReviewSubject:
        """Return what the review of a change is about; a missing branch is as if begun."""
        base = change.parent or first_change(change).commit or ""
        author = self.delivery.repository.author
        return ReviewSubject(change.image, change.stream, change.branch, base, author)

    def has_reviews(self, change: Change) -> bool:
        """Say whether there is anything that a review of the change may be at."""
        patterns = self.forge.ref_patterns(change.stream)
        prefixes = tuple(pattern.partition("*")[0] for pattern in patterns)
        return any(ref.startswith(prefixes) for ref in self.refs)


def update_review(plan: ReviewPlan, change: Change) -> Change:
    """Bring the review of one change up to date; return the change as it ended."""
    if change.status not in (*COMMIT_STATUSES, "unchanged"):
        return change
    try:
        found = _raced(plan, change)
    except DistgenError as error:
        return replace(change, status="failed", commit=change.parent, detail=str(error))
    return replace(
        found, detail=printable(found.detail)
    )  # it holds addresses of the forge's making


def _raced(plan: ReviewPlan, change: Change) -> Change:
    """Look at the review again when somebody was faster."""
    for _ in range(_RACES - 1):
        with suppress(ReviewMoved):
            return _reviewed(plan, change)
        plan = _seen_again(plan, change)
    return _reviewed(plan, change)


def _seen_again(plan: ReviewPlan, change: Change) -> ReviewPlan:
    """Return the plan with the reviews as they are now."""
    patterns = plan.forge.ref_patterns(change.stream)
    refs = list_refs(plan.desk.store.git, plan.desk.place, patterns) or {}
    return replace(plan, refs=refs, attempt=plan.attempt + 1)


def _reviewed(plan: ReviewPlan, change: Change) -> Change:
    nothing = change.status == "unchanged"
    if nothing and not plan.has_reviews(change):
        return change
    if plan.dry and change.parent is None:
        return _foreseen(change, None)
    reviews = plan.forge.find_reviews(plan.desk, plan.subject(change), plan.refs)
    taken = next((found for found in reviews if not _is_free(plan, change, found)), None)
    if taken:
        what = f"{taken} is left alone, for somebody else pushed {taken.commit[:12]} to it"
        status = change.status if nothing else "refused"
        return replace(change, status=status, commit=change.parent, detail=what)
    tidied = () if plan.dry else _tidied(plan, reviews)
    review = next((found for found in reviews if not found.leftover), None)
    if not nothing:
        return _proposed(plan, _settled(plan, change, review), review)
    if review and review.state in ("open", "unknown") and review.commit != change.parent:
        return _withdrawn(plan, change, review)
    words = "; ".join(told.detail for told in tidied)
    return replace(change, status="retired" if tidied else "unchanged", detail=words)


def _tidied(plan: ReviewPlan, reviews: Sequence[Review]) -> Sequence[ReviewOutcome]:
    """Close the reviews that stand on earlier bases."""
    leftovers = (review for review in reviews if review.leftover and review.state == "open")
    return [plan.forge.withdraw(plan.desk, review) for review in leftovers]


def _is_free(plan: ReviewPlan, change: Change, review: Review) -> bool:
    """Say whether a review holds nothing but what distgen put there, or what is merged."""
    if review.gone or review.state == "merged" or review.commit == change.commit:
        return True
    subject = plan.subject(change)
    content = fetch_commits(plan.desk, {review.ref: review.commit}).get(review.commit)
    if content is None:
        raise ReviewMoved("moves while it is read", where=review, hint="try again")
    if is_commit_of(content, subject.image, subject.stream, subject.author):
        return True
    return is_ancestor(plan.desk.store, subject.base, review.commit)


def _settled(plan: ReviewPlan, change: Change, review: Review | None) -> Change:
    """Return the change as its review has it, when that proposes the same."""
    if review is None or review.state == "merged":
        return change
    content = fetch_commits(plan.desk, {review.ref: review.commit}).get(review.commit, b"")
    if not content or not is_same(content, change):
        return change
    return replace(change, commit=review.commit, message=parse_commit(content).message)


def _withdrawn(plan: ReviewPlan, change: Change, review: Review) -> Change:
    if plan.dry:
        return replace(change, status="retired", detail=f"{review} {NOTHING_LEFT}")
    told = plan.forge.withdraw(plan.desk, review)
    return replace(change, status=told.status, detail=told.detail)


def _proposed(plan: ReviewPlan, change: Change, review: Review | None) -> Change:
    if review and _is_turned_down(plan, change, review):
        what = f"{review} was turned down, and there is nothing new to propose"
        return replace(change, status="unchanged", commit=review.commit, detail=what)
    if plan.dry:
        return _foreseen(change, review)
    if not has_commit(plan.desk.store, change.commit or ""):
        write_commits(plan.desk.store, [change])
    if review is None or review.gone or review.commit != change.commit:
        plan.observe("pushing", _told(plan, change))
    proposal = describe_change(change, plan.forge.LIMIT)
    told = plan.forge.submit(plan.desk, change, proposal, review)
    return replace(change, status=told.status, detail=told.detail)


def _is_turned_down(plan: ReviewPlan, change: Change, review: Review) -> bool:
    """Say whether a person closed a review of the same generated files, whatever it stood on."""
    if review.state != "closed":
        return False
    there = plan.desk.store.reader.read(f"{review.commit}:{MANIFEST}")
    new = next((file.content for file in change.write if file.path == MANIFEST), None)
    return review.commit == change.commit or (there is not None and there.content == new)


def _told(plan: ReviewPlan, change: Change) -> dict[str, object]:
    keys = ("image", "stream", "branch", "commit", "parent")
    commit = {key: getattr(change, key) for key in keys}
    return {"url": hide_secrets(change.url), "attempt": plan.attempt + 1, "commits": [commit]}


def _foreseen(change: Change, review: Review | None) -> Change:
    """Return what proposing would come to."""
    if change.parent is None:
        what = f"branch {change.branch} would be begun, and a review opened"
        return replace(change, status="created", commit=None, detail=what)
    if review is None or review.state not in ("open", "unknown"):
        return replace(change, status="created", detail="a review would be opened")
    if review.commit == change.commit:
        return replace(change, status="unchanged", detail=f"{review} proposes it already")
    return replace(change, status="updated", detail=f"{review} would be updated")
