"""What forges share where a review is asked for from a branch of its own."""

from __future__ import annotations

from collections.abc import Sequence

from distgen.forges.message import review_branch
from distgen.git.refs import HEADS


def review_ref(stream: str) -> str:
    """Return the ref of a review's branch."""
    return f"{HEADS}{review_branch(stream)}"


def ref_patterns(stream: str) -> Sequence[str]:
    """Look for the review's branch."""
    return (review_ref(stream),)
