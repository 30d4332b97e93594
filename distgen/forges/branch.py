"""What reviews share that are asked for from a branch of their own, on GitHub and GitLab."""

from __future__ import annotations

from collections.abc import Sequence

from distgen.forges.message import review_branch
from distgen.forges.records import ReviewContext, ReviewSubject
from distgen.model.published import Change


def review_ref(stream: str) -> str:
    """Return the ref of a review's branch."""
    return f"refs/heads/{review_branch(stream)}"


def ref_patterns(stream: str) -> Sequence[str]:
    """Look for the review's branch."""
    return (review_ref(stream),)


def depends_on_footer(desk: ReviewContext, subject: ReviewSubject) -> str:
    """Name nothing: such a review has no footer for it."""
    return ""


def with_message(desk: ReviewContext, change: Change, footers: Sequence[str]) -> Change:
    """Leave the commit as it is: what is merged is what would have been published."""
    return change
