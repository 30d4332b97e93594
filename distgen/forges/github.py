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
    error_sentence,
    find_repository,
    open_github,
    owner_and_name,
    token_error,
)
from distgen.forges.message import Proposal, is_same_text, review_branch
from distgen.forges.records import (
    WITHDRAWAL_NOTE,
    Account,
    Refs,
    RepositoryProfile,
    Review,
    ReviewContext,
    ReviewOutcome,
    ReviewState,
    ReviewSubject,
)
from distgen.forges.refs import RefUpdate, push_ref
from distgen.git.location import Place
from distgen.model.published import Change

_TEXT_LIMIT = 65_000  # GitHub takes 65,536 characters
_NEWEST = 5
_DESCRIPTION = 350
_TOPIC = re.compile(r"[^a-z0-9]+")


def find_reviews(context: ReviewContext, subject: ReviewSubject, refs: Refs) -> Sequence[Review]:
    """Return the newest pull request from the review's branch, or the branch when it has none."""
    ref, head = review_ref(subject.stream), review_branch(subject.stream)
    tip = refs.get(ref)
    with open_github(context.place, context.account) as hub:
        pull = _newest_pull(find_repository(context.place, hub), head, subject.branch)
    if pull is None:
        return [Review(tip, ref, f"branch {head}", state="unknown")] if tip else []
    return [
        Review(
            commit=tip or pull.head.sha,
            ref=ref if tip else f"refs/pull/{pull.number}/head",
            name=f"pull request #{pull.number}",
            url=pull.html_url,
            state=_state(pull),
            number=pull.number,
            branch_deleted=not tip,
        )
    ]


def submit(
    context: ReviewContext, change: Change, proposal: Proposal, review: Review | None
) -> ReviewOutcome:
    """Push the branch, and bring its pull request in line with the proposal."""
    assert change.commit
    if not context.account.token:
        raise token_error(context.place, context.account)  # before a branch is pushed for nothing
    tip = review.commit if review and not review.branch_deleted else ""
    if tip != change.commit:
        push_ref(context, RefUpdate(change.commit, review_ref(change.stream), tip))
    with open_github(context.place, context.account) as hub:
        if review is None or review.state != "open":
            pull, is_new = _open_pull(find_repository(context.place, hub), change, proposal)
        else:
            pull, is_new = hub.pull_request(*owner_and_name(context.place), review.number), False
        is_changed = tip != change.commit or is_new
        is_changed |= not is_new and _update_text(pull, proposal)
        is_changed |= _add_labels(pull, context.labels)
        name = f"pull request #{pull.number}"
        if is_new:
            return ReviewOutcome("created", f"{name} opened {pull.html_url}")
        if is_changed:
            return ReviewOutcome("updated", f"{name} updated {pull.html_url}")
        return ReviewOutcome("unchanged", f"{name} proposes it already {pull.html_url}")


def withdraw(context: ReviewContext, review: Review) -> ReviewOutcome:
    """Close the pull request, and delete its branch."""
    if review.number:
        with open_github(context.place, context.account) as hub:
            pull = hub.pull_request(*owner_and_name(context.place), review.number)
            body = f"{WITHDRAWAL_NOTE}\n\n{pull.body or ''}"
            pull.update(state="closed", body=body[:_TEXT_LIMIT])
    if not review.branch_deleted:
        push_ref(context, RefUpdate("", review.ref, review.commit))
    return ReviewOutcome("retired", f"{review} closed, nothing is left to propose")


def create_repository(place: Place, account: Account, profile: RepositoryProfile) -> None:
    """Make the repository, of an organisation or of the token's own user."""
    owner, name = owner_and_name(place)
    # GitHub refuses line breaks.
    description = " ".join(profile.description.split())[:_DESCRIPTION]
    with open_github(place, account) as hub:
        try:
            repository = _find_owner(place, hub, owner).create_repository(
                name, description=description, private=profile.private, has_wiki=False
            )
        except UnprocessableEntity as error:
            if "already exists" in error_sentence(error):
                return  # another run made it just now
            raise
        repository.replace_topics(_topics(profile.topics))


def find_obstacle(place: Place, account: Account) -> str | None:
    """Return what keeps the token from pushing, "" where it may; None: GitHub does not say."""
    if not account.token:
        raise token_error(place, account)
    with open_github(place, account) as hub:
        facts = find_repository(place, hub).as_dict()
        permissions = facts.get("permissions")
        if facts.get("archived"):
            return "GitHub says that it is archived"
    if not isinstance(permissions, dict):
        return None
    return "" if permissions.get("push") else "GitHub says that the token may read, and not push"


def _topics(words: Sequence[str]) -> list[str]:
    """Return words as topics, which are of small letters, digits and hyphens."""
    topics = (_TOPIC.sub("-", word.lower()).strip("-")[:50].rstrip("-") for word in words)
    return list(dict.fromkeys(filter(None, topics)))[:20]


def _find_owner(place: Place, hub: Any, name: str) -> Any:
    try:
        return hub.organization(name)
    except NotFoundError:
        if str(hub.me()).lower() == name.lower():
            return hub
        problem = f"there is no organisation {name}, and the token is not of a user {name}"
        raise DistgenError(problem, where=place) from None


def _open_pull(repository: Any, change: Change, proposal: Proposal) -> tuple[Any, bool]:
    """Open a pull request; return it, and False when another run has opened it just now."""
    head = review_branch(change.stream)
    try:
        return repository.create_pull(proposal.title, change.branch, head, proposal.body), True
    except UnprocessableEntity as error:
        pull = _newest_pull(repository, head, change.branch)
        if "already exists" not in error_sentence(error) or pull is None:
            raise
        return pull, False


def _update_text(pull: Any, proposal: Proposal) -> bool:
    """Change what a pull request says; return whether there was anything to change."""
    # That a sibling was merged is no news that would be worth an update of all the others.
    if pull.title == proposal.title and is_same_text(pull.body or "", proposal.body):
        return False
    pull.update(title=proposal.title, body=proposal.body)
    return True


def _add_labels(pull: Any, labels: Sequence[str]) -> bool:
    """Add the labels that are missing, and take none away; return whether any was missing."""
    present = {str(label["name"]).lower() for label in pull.as_dict().get("labels", ())}
    missing = [label for label in labels if label.lower() not in present]
    if missing:
        # Not github3's add_labels(), whose bare list is not what GitHub describes.
        response = pull.session.post(f"{pull.issue_url}/labels", json={"labels": missing})
        if not response.ok:
            raise error_for(response)
    return bool(missing)


def _newest_pull(repository: Any, head: str, base: str) -> Any:
    """Return the newest pull request between two branches, an open one before all others."""
    owner = repository.full_name.partition("/")[0]
    query = {"head": f"{owner}:{head}", "base": base, "number": _NEWEST}
    pulls = list(repository.pull_requests(state="all", **query))
    return min(pulls, key=lambda pull: (pull.state != "open", -pull.number), default=None)


def _state(pull: Any) -> ReviewState:
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
    file_path="blob",
    token_user="x-access-token",
    has_api=True,
    creation_hint=creation_hint,
    create_repository=create_repository,
    find_obstacle=find_obstacle,
    ref_patterns=ref_patterns,
    find_reviews=find_reviews,
    submit=submit,
    withdraw=withdraw,
)
