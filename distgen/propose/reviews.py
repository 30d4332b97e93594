"""Bring the review of each planned change up to date: open, update or close it, or leave it."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from distgen.errors import DistgenError, printable
from distgen.forges.forge import Forge
from distgen.forges.message import (
    Siblings,
    describe_change,
    first_change,
    is_commit_of,
    is_same,
)
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
from distgen.git.store import has_commit, is_ancestor, write_commits
from distgen.model.published import Change
from distgen.model.words import COMMIT_STATUSES, MANIFEST
from distgen.publish.delivery import Delivery
from distgen.publish.events import Observer, ignore_step, report_push
from distgen.publish.results import without_commit

_ATTEMPTS = 3
_ADDRESS = re.compile(r"https?://\S+$")


@dataclass(frozen=True, slots=True)
class ReviewPlan:
    """A repository with its planned changes, and the refs at which its reviews are.

    `observe` hears of each push; `attempt` counts from 0. `siblings` are the same changes in other
    repositories, by key; all plans of a run share `addresses`, where each notes its reviews.
    """

    review_context: ReviewContext
    forge: Forge
    delivery: Delivery
    refs: Refs
    dry: bool = False
    observe: Observer = ignore_step
    attempt: int = 0
    siblings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: MutableMapping[str, str] = field(default_factory=dict)
    are_all: bool = True

    def subject(self, change: Change) -> ReviewSubject:
        """Return what the review of a change is about; a missing branch is as if begun."""
        base = change.parent or first_change(change).commit or ""
        author = self.delivery.repository.author
        return ReviewSubject(change.image, change.stream, change.branch, base, author)

    def has_reviews(self, change: Change) -> bool:
        """Say whether there is any ref at which a review of the change may be."""
        patterns = self.forge.ref_patterns(change.stream)
        prefixes = tuple(pattern.partition("*")[0] for pattern in patterns)
        return any(ref.startswith(prefixes) for ref in self.refs)


def update_review(plan: ReviewPlan, change: Change) -> Change:
    """Bring the review of one change up to date; return the change as it ended."""
    if change.status not in (*COMMIT_STATUSES, "unchanged"):
        return change
    try:
        change = _update_in_turns(plan, change)
    except DistgenError as error:
        return without_commit(change, "failed", str(error))
    # the detail holds addresses of the forge's making
    return replace(change, detail=printable(change.detail))


def _update_in_turns(plan: ReviewPlan, change: Change) -> Change:
    """Update a review; look at it again when another writer was faster."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(ReviewMoved):
            return _update(plan, change)
        plan = _refresh(plan, change)
    return _update(plan, change)


def _refresh(plan: ReviewPlan, change: Change) -> ReviewPlan:
    """Return the plan with the refs of reviews as they are now."""
    patterns = plan.forge.ref_patterns(change.stream)
    refs = list_refs(plan.review_context.store.git, plan.review_context.place, patterns) or {}
    return replace(plan, refs=refs, attempt=plan.attempt + 1)


def _update(plan: ReviewPlan, change: Change) -> Change:
    is_unchanged = change.status == "unchanged"
    if is_unchanged and not plan.has_reviews(change):
        return change
    if plan.dry and change.parent is None:
        return _predict(change, None)
    reviews = plan.forge.find_reviews(plan.review_context, plan.subject(change), plan.refs)
    foreign = next((review for review in reviews if not _is_free(plan, change, review)), None)
    if foreign:
        detail = f"{foreign} is left alone, for somebody else pushed {foreign.commit[:12]} to it"
        return without_commit(change, change.status if is_unchanged else "refused", detail)
    closings = () if plan.dry else _close_leftovers(plan, reviews)
    review = next((review for review in reviews if not review.leftover), None)
    if not is_unchanged:
        return _propose(plan, _reuse_commit(plan, change, review), review)
    if review and review.state in ("open", "unknown") and review.commit != change.parent:
        return _withdraw(plan, change, review)
    detail = "; ".join(closing.detail for closing in closings)
    return replace(change, status="retired" if closings else "unchanged", detail=detail)


def _close_leftovers(plan: ReviewPlan, reviews: Sequence[Review]) -> Sequence[ReviewOutcome]:
    """Close the reviews that are based on earlier tips of the branch."""
    leftovers = (review for review in reviews if review.leftover and review.state == "open")
    return [plan.forge.withdraw(plan.review_context, review) for review in leftovers]


def _is_free(plan: ReviewPlan, change: Change, review: Review) -> bool:
    """Say whether a review holds only commits of distgen, or commits that are merged."""
    if review.branch_deleted or review.state == "merged" or review.commit == change.commit:
        return True
    subject = plan.subject(change)
    content = fetch_commits(plan.review_context, {review.ref: review.commit}).get(review.commit)
    if content is None:
        raise ReviewMoved("moves while it is read", where=review, hint="try again")
    if is_commit_of(content, subject.image, subject.stream, subject.author):
        return True
    return is_ancestor(plan.review_context.store, subject.base, review.commit)


def _reuse_commit(plan: ReviewPlan, change: Change, review: Review | None) -> Change:
    """Return the change with the commit of its review, when that proposes the same."""
    if review is None or review.state == "merged":
        return change
    content = fetch_commits(plan.review_context, {review.ref: review.commit}).get(
        review.commit, b""
    )
    if not content or not is_same(content, change):
        return change
    return replace(change, commit=review.commit, message=parse_commit(content).message)


def _withdraw(plan: ReviewPlan, change: Change, review: Review) -> Change:
    if plan.dry:
        return replace(change, status="retired", detail=f"{review} {NOTHING_LEFT}")
    outcome = plan.forge.withdraw(plan.review_context, review)
    return replace(change, status=outcome.status, detail=outcome.detail)


def _propose(plan: ReviewPlan, change: Change, review: Review | None) -> Change:
    if review and _is_turned_down(plan, change, review):
        detail = f"{review} was turned down, and there is nothing new to propose"
        return replace(change, status="unchanged", commit=review.commit, detail=detail)
    if plan.dry:
        return _predict(change, review)
    if not has_commit(plan.review_context.store, change.commit or ""):
        write_commits(plan.review_context.store, [change])
    if review is None or review.branch_deleted or review.commit != change.commit:
        report_push(plan.observe, change.url, plan.attempt, [change])
    siblings = Siblings(plan.siblings.get(change.key, ()), dict(plan.addresses), plan.are_all)
    proposal = describe_change(change, plan.forge.text_limit, siblings)
    outcome = plan.forge.submit(plan.review_context, change, proposal, review)
    if address := _ADDRESS.search(outcome.detail):
        plan.addresses[change.key] = address[0]
    return replace(change, status=outcome.status, detail=outcome.detail)


def _is_turned_down(plan: ReviewPlan, change: Change, review: Review) -> bool:
    """Say whether a person closed a review of the same generated files, whatever its base."""
    # Without this, any commit of the catalogue opened the same proposal again that was closed.
    if review.state != "closed":
        return False
    closed_manifest = plan.review_context.store.reader.read(f"{review.commit}:{MANIFEST}")
    manifest = next((file.content for file in change.write if file.path == MANIFEST), None)
    return review.commit == change.commit or (
        closed_manifest is not None and closed_manifest.content == manifest
    )


def _predict(change: Change, review: Review | None) -> Change:
    """Return the change as it would end if it were proposed."""
    if change.parent is None:
        detail = f"branch {change.branch} would be begun, and a review opened"
        return replace(change, status="created", commit=None, detail=detail)
    if review is None or review.state not in ("open", "unknown"):
        return replace(change, status="created", detail="a review would be opened")
    if review.commit == change.commit:
        return replace(change, status="unchanged", detail=f"{review} proposes it already")
    return replace(change, status="updated", detail=f"{review} would be updated")
