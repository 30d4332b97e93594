"""Reviews on GitLab: a branch, and push options that open its merge request and keep it current.

https://docs.gitlab.com/topics/git/commit/#push-options
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from distgen.errors import DistgenError
from distgen.forges.addresses import find_link, project_path
from distgen.forges.branch import ref_patterns, review_ref
from distgen.forges.forge import Forge
from distgen.forges.message import Proposal, review_branch
from distgen.forges.records import (
    Refs,
    Review,
    ReviewContext,
    ReviewOutcome,
    ReviewState,
    ReviewSubject,
)
from distgen.forges.refs import RefUpdate, fetch_commits, push_ref
from distgen.git.location import Place
from distgen.git.store import is_ancestor
from distgen.model.published import Change

# An option travels in one packet of git's protocol, 65,516 bytes, and \\n grows from two to five.
_TEXT_LIMIT = 26_000
_WARNING = re.compile(r"Error encountered with push options .*': (.*?)(?: =+ |$)")


def find_reviews(context: ReviewContext, subject: ReviewSubject, refs: Refs) -> Sequence[Review]:
    """Return what the branch holds; whether its merge request is open, only GitLab knows."""
    ref = review_ref(subject.stream)
    if ref not in refs:
        return []
    fetch_commits(context, {ref: refs[ref]})
    is_merged = is_ancestor(context.store, subject.base, refs[ref])
    state: ReviewState = "merged" if is_merged else "unknown"
    return [Review(refs[ref], ref, f"branch {review_branch(subject.stream)}", state=state)]


def submit(
    context: ReviewContext, change: Change, proposal: Proposal, review: Review | None
) -> ReviewOutcome:
    """Push the branch; GitLab opens the merge request, or changes the one that is open."""
    assert change.commit
    if review and review.commit == change.commit:
        return ReviewOutcome("unchanged", f"{review} proposes it already")
    # GitLab makes a line break of every \n, so one of the text gets an invisible space.
    description = proposal.body.replace("\\n", "\\\u200bn").replace("\n", "\\n")
    options = (
        "merge_request.create",
        f"merge_request.target={change.branch}",
        f"merge_request.title={proposal.title}",
        f"merge_request.description={description}",
        "merge_request.remove_source_branch",
        *(f"merge_request.label={label}" for label in context.labels),
    )
    expected = review.commit if review else ""
    ref = review_ref(change.stream)
    lines = push_ref(context, RefUpdate(change.commit, ref, expected, options))
    # GitLab takes the push and only warns where merge requests are switched off. It breaks and
    # centres the lines of the warning, and repeats all the options.
    if warning := _WARNING.search(" ".join(" ".join(lines).split())):
        # While the branch holds the commit, the next run sees nothing to do.
        push_ref(context, RefUpdate(expected, ref, change.commit))
        problem = f"GitLab takes the branch, but no merge request: {warning[1]}"
        raise DistgenError(problem, where=context.place)
    is_open = review is not None and review.state != "merged"
    verb = "updated" if is_open else "opened"
    name = f"merge request of {review_branch(change.stream)} {verb}"
    url = find_link(lines, r"/merge_requests/\d+$")
    return ReviewOutcome(
        "updated" if is_open else "created",
        f"{name} {url}" if url else f"{name}, though GitLab does not say where",
    )


def withdraw(context: ReviewContext, review: Review) -> ReviewOutcome:
    """Delete the branch: GitLab closes the merge request of a branch that is gone."""
    push_ref(context, RefUpdate("", review.ref, review.commit))
    return ReviewOutcome("retired", f"{review.name} deleted, nothing is left to propose")


def creation_hint(place: Place) -> str:
    """Return the command for a person; a push creates projects on some servers only."""
    return f"glab repo create {project_path(place)}"


FORGE = Forge(
    text_limit=_TEXT_LIMIT,
    file_path="-/blob",
    token_user="oauth2",
    creation_hint=creation_hint,
    ref_patterns=ref_patterns,
    find_reviews=find_reviews,
    submit=submit,
    withdraw=withdraw,
)
