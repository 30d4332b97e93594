"""Reviews on GitLab: a branch, and push options that open its merge request and keep it current.

https://docs.gitlab.com/topics/git/commit/#push-options
"""

from __future__ import annotations

from collections.abc import Sequence

from distgen.forges import About, Account, Desk, Push, Refs, Review, Subject, Told, linked, push
from distgen.model import Change
from distgen.proposal import Proposal, review_branch
from distgen.store.places import Place

# An option travels in one packet of git's protocol, 65,516 bytes, and a line break takes two.
LIMIT = 32_000
CREATES = False


def patterns(stream: str) -> Sequence[str]:
    """Look for the review's branch."""
    return (_ref(stream),)


def dependence(desk: Desk, subject: Subject) -> str:
    """Name nothing: GitLab has no such footer."""
    return ""


def worded(desk: Desk, change: Change, footers: Sequence[str]) -> Change:
    """Leave the commit as it is: what is merged is what would have been published."""
    return change


def find(desk: Desk, subject: Subject, refs: Refs) -> Sequence[Review]:
    """Return what the branch holds; whether its merge request is open, only GitLab knows."""
    ref = _ref(subject.stream)
    name = f"branch {review_branch(subject.stream)}"
    return [Review(refs[ref], ref, name, state="unknown")] if ref in refs else []


def submit(desk: Desk, change: Change, proposal: Proposal, review: Review | None) -> Told:
    """Push the branch; GitLab opens the merge request, or changes the one that is open."""
    assert change.commit
    if review and review.commit == change.commit:
        return Told("unchanged", f"{review} proposes it already")
    # GitLab makes a line break of every \n, so one that stood there gets an invisible space.
    description = proposal.body.replace("\\n", "\\\u200bn").replace("\n", "\\n")
    options = (
        "merge_request.create",
        f"merge_request.target={change.branch}",
        f"merge_request.title={proposal.title}",
        f"merge_request.description={description}",
        "merge_request.remove_source_branch",
        *(f"merge_request.label={label}" for label in desk.labels),
    )
    expected = review.commit if review else ""
    ref = _ref(change.stream)
    url = linked(push(desk, Push(change.commit, ref, expected, options)))
    name = f"merge request of {review_branch(change.stream)}"
    verb = "updated" if review else "opened"
    return Told("updated" if review else "created", f"{name} {verb} {url}".rstrip())


def withdraw(desk: Desk, review: Review) -> Told:
    """Delete the branch: GitLab closes the merge request of a branch that is gone."""
    push(desk, Push("", review.ref, review.commit))
    return Told("retired", f"{review.name} deleted, nothing is left to propose")


def create(place: Place, account: Account, about: About) -> None:
    """Leave it to the person: a push creates projects only where GitLab is told to."""


def _ref(stream: str) -> str:
    return f"refs/heads/{review_branch(stream)}"
