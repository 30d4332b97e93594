"""Reviews on GitHub: a branch, and a pull request that github3.py opens, changes and closes.

https://docs.github.com/rest/pulls; a GitHub Enterprise has the same below https://HOST/api/v3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from github3.exceptions import (  # type: ignore[import-untyped]
    NotFoundError,
    UnprocessableEntity,
    error_for,
)

from distgen.errors import DistgenError
from distgen.forges.addresses import project_path
from distgen.forges.branch import ref_patterns, review_ref
from distgen.forges.forge import Forge
from distgen.forges.github_api import (
    asking,
    owner_and_name,
    reason,
    repository_of,
    unknown,
)
from distgen.forges.message import Proposal, review_branch
from distgen.forges.records import (
    WITHDRAWAL_NOTE,
    Account,
    Refs,
    RepositoryProfile,
    Review,
    ReviewContext,
    ReviewOutcome,
    ReviewSubject,
    State,
)
from distgen.forges.refs import RefUpdate, push_ref
from distgen.git.location import Place
from distgen.model.published import Change

_TEXT_LIMIT = 65_000  # GitHub takes 65,536 characters
_NEWEST = 5
_DESCRIPTION = 350
_TOPIC = re.compile(r"[^a-z0-9]+")


def find_reviews(desk: ReviewContext, subject: ReviewSubject, refs: Refs) -> Sequence[Review]:
    """Return the newest pull request from the review's branch, or the branch when it has none."""
    ref = review_ref(subject.stream)
    tip = refs.get(ref)
    with asking(desk.place, desk.account) as hub:
        pull = _newest(
            repository_of(desk.place, hub), review_branch(subject.stream), subject.branch
        )
    if pull is None:
        name = f"branch {review_branch(subject.stream)}"
        return [Review(tip, ref, name, state="unknown")] if tip else []
    name = f"pull request #{pull.number}"
    known = (name, pull.html_url, _state(pull), pull.number)
    if tip:
        return [Review(tip, ref, *known)]
    return [Review(pull.head.sha, f"refs/pull/{pull.number}/head", *known, gone=True)]


def submit(
    desk: ReviewContext, change: Change, proposal: Proposal, review: Review | None
) -> ReviewOutcome:
    """Push the branch, and say in its pull request what it says now."""
    assert change.commit
    if not desk.account.token:
        raise unknown(desk.place, desk.account)  # before a branch is pushed for nothing
    there = review.commit if review and not review.gone else ""
    if there != change.commit:
        push_ref(desk, RefUpdate(change.commit, review_ref(change.stream), there))
    with asking(desk.place, desk.account) as hub:
        if review is None or review.state != "open":
            pull, opened = _opened(repository_of(desk.place, hub), change, proposal)
        else:
            pull, opened = hub.pull_request(*owner_and_name(desk.place), review.number), False
        told = _brought(pull, proposal) if not opened else True
        told = _labelled(pull, desk.labels) or told
        name = f"pull request #{pull.number}"
        if opened:
            return ReviewOutcome("created", f"{name} opened {pull.html_url}")
        if told or there != change.commit:
            return ReviewOutcome("updated", f"{name} updated {pull.html_url}")
        return ReviewOutcome("unchanged", f"{name} proposes it already {pull.html_url}")


def withdraw(desk: ReviewContext, review: Review) -> ReviewOutcome:
    """Close the pull request, and delete its branch."""
    if review.number:
        with asking(desk.place, desk.account) as hub:
            pull = hub.pull_request(*owner_and_name(desk.place), review.number)
            pull.update(
                state="closed", body=f"{WITHDRAWAL_NOTE}\n\n{pull.body or ''}"[:_TEXT_LIMIT]
            )
    if not review.gone:
        push_ref(desk, RefUpdate("", review.ref, review.commit))
    return ReviewOutcome("retired", f"{review} closed, nothing is left to propose")


def create_repository(place: Place, account: Account, about: RepositoryProfile) -> None:
    """Make the repository, of an organisation or of the token's own user."""
    owner, name = owner_and_name(place)
    # GitHub refuses line breaks.
    words = " ".join(about.description.split())[:_DESCRIPTION]
    facts = {"description": words, "private": about.private, "has_wiki": False}
    with asking(place, account) as hub:
        owning = _owner(place, hub, owner)
        try:
            made = owning.create_repository(name, **facts)
        except UnprocessableEntity as error:
            if "already exists" in reason(error):
                return  # somebody else made it just now
            raise
        made.replace_topics(_topics(about.topics))


def _topics(words: Sequence[str]) -> list[str]:
    """Return words as topics, which are of small letters, digits and hyphens."""
    found = (_TOPIC.sub("-", word.lower()).strip("-")[:50].rstrip("-") for word in words)
    return list(dict.fromkeys(filter(None, found)))[:20]


def _owner(place: Place, hub: Any, name: str) -> Any:
    try:
        return hub.organization(name)
    except NotFoundError:
        if str(hub.me()).lower() == name.lower():
            return hub
        what = f"there is no organisation {name}, and the token is not of a user {name}"
        raise DistgenError(what, where=place) from None


def _opened(repository: Any, change: Change, proposal: Proposal) -> tuple[Any, bool]:
    """Open a pull request; return it, and False when somebody was faster."""
    head = review_branch(change.stream)
    try:
        return repository.create_pull(proposal.title, change.branch, head, proposal.body), True
    except UnprocessableEntity as error:
        pull = _newest(repository, head, change.branch)
        if "already exists" not in reason(error) or pull is None:
            raise
        return pull, False


def _brought(pull: Any, proposal: Proposal) -> bool:
    """Change what a pull request says; return whether there was anything to change."""
    said = (pull.title, (pull.body or "").replace("\r\n", "\n").strip())
    if said == (proposal.title, proposal.body.strip()):
        return False
    pull.update(title=proposal.title, body=proposal.body)
    return True


def _labelled(pull: Any, labels: Sequence[str]) -> bool:
    """Add what labels are missing, and take none away."""
    there = {str(label["name"]).lower() for label in pull.as_dict().get("labels", ())}
    missing = [label for label in labels if label.lower() not in there]
    if missing:
        # Not github3's add_labels(), whose bare list is not what GitHub describes.
        answer = pull.session.post(f"{pull.issue_url}/labels", json={"labels": missing})
        if not answer.ok:
            raise error_for(answer)
    return bool(missing)


def _newest(repository: Any, head: str, base: str) -> Any:
    """Return the newest pull request between two branches, an open one before all others."""
    owner = repository.full_name.partition("/")[0]
    where = {"head": f"{owner}:{head}", "base": base, "number": _NEWEST}
    pulls = list(repository.pull_requests(state="all", **where))
    return min(pulls, key=lambda pull: (pull.state != "open", -pull.number), default=None)


def _state(pull: Any) -> State:
    if pull.state == "open":
        return "open"
    if pull.merged_at:
        return "merged"
    return "withdrawn" if (pull.body or "").startswith(WITHDRAWAL_NOTE) else "closed"


def creation_hint(place: Place) -> str:
    """Return the command with which a person makes the repository."""
    return f"gh repo create {project_path(place)}"


FORGE = Forge(
    text_limit=_TEXT_LIMIT,
    token_user="x-access-token",
    has_api=True,
    creation_hint=creation_hint,
    create_repository=create_repository,
    ref_patterns=ref_patterns,
    find_reviews=find_reviews,
    submit=submit,
    withdraw=withdraw,
)
