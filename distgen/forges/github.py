"""Reviews on GitHub: a branch, and a pull request that github3.py opens, changes and closes.

https://docs.github.com/rest/pulls; a GitHub Enterprise has the same below https://HOST/api/v3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import github3  # type: ignore[import-untyped]
from github3.exceptions import (  # type: ignore[import-untyped]
    AuthenticationFailed,
    ForbiddenError,
    GitHubError,
    GitHubException,
    IncompleteResponse,
    NotFoundError,
    UnexpectedResponse,
    UnprocessableEntity,
    UnprocessableResponseBody,
    error_for,
)
from github3.session import GitHubSession  # type: ignore[import-untyped]

from distgen.errors import DistgenError
from distgen.forges import (
    WITHDRAWN,
    About,
    Account,
    Desk,
    Push,
    Refs,
    Review,
    State,
    Subject,
    Told,
    host,
    project,
    push,
)
from distgen.forges.web import Guarded, Header, message
from distgen.model import Change
from distgen.proposal import Proposal, review_branch
from distgen.store.places import Place

LIMIT = 65_000  # GitHub takes 65,536 characters
CREATES = True
_NEWEST = 5
_DESCRIPTION = 350
_TOPIC = re.compile(r"[^a-z0-9]+")
# github3 takes answers apart without asking what they are.
_UNREADABLE = (IncompleteResponse, UnexpectedResponse, UnprocessableResponseBody,
               AttributeError, LookupError, TypeError, ValueError)  # fmt: skip


class _Session(Guarded, GitHubSession):  # type: ignore[misc]
    """github3's session, which by itself would show the token to any host that an answer names."""


def patterns(stream: str) -> Sequence[str]:
    """Look for the review's branch."""
    return (_ref(stream),)


def dependence(desk: Desk, subject: Subject) -> str:
    """Name nothing: a pull request has no such footer."""
    return ""


def worded(desk: Desk, change: Change, footers: Sequence[str]) -> Change:
    """Leave the commit as it is: what is merged is what would have been published."""
    return change


def find(desk: Desk, subject: Subject, refs: Refs) -> Sequence[Review]:
    """Return the newest pull request from the review's branch, or the branch when it has none."""
    ref = _ref(subject.stream)
    tip = refs.get(ref)
    with _asking(desk.place, desk.account) as hub:
        pull = _newest(_repository(desk.place, hub), review_branch(subject.stream), subject.branch)
    if pull is None:
        name = f"branch {review_branch(subject.stream)}"
        return [Review(tip, ref, name, state="unknown")] if tip else []
    name = f"pull request #{pull.number}"
    known = (name, pull.html_url, _state(pull), pull.number)
    if tip:
        return [Review(tip, ref, *known)]
    return [Review(pull.head.sha, f"refs/pull/{pull.number}/head", *known, gone=True)]


def submit(desk: Desk, change: Change, proposal: Proposal, review: Review | None) -> Told:
    """Push the branch, and say in its pull request what it says now."""
    assert change.commit
    if not desk.account.token:
        raise _unknown(desk.place, desk.account)  # before a branch is pushed for nothing
    there = review.commit if review and not review.gone else ""
    if there != change.commit:
        push(desk, Push(change.commit, _ref(change.stream), there))
    with _asking(desk.place, desk.account) as hub:
        if review is None or review.state != "open":
            pull, opened = _opened(_repository(desk.place, hub), change, proposal)
        else:
            pull, opened = hub.pull_request(*_owner_and_name(desk.place), review.number), False
        told = _brought(pull, proposal) if not opened else True
        told = _labelled(pull, desk.labels) or told
        name = f"pull request #{pull.number}"
        if opened:
            return Told("created", f"{name} opened {pull.html_url}")
        if told or there != change.commit:
            return Told("updated", f"{name} updated {pull.html_url}")
        return Told("unchanged", f"{name} proposes it already {pull.html_url}")


def withdraw(desk: Desk, review: Review) -> Told:
    """Close the pull request, and delete its branch."""
    if review.number:
        with _asking(desk.place, desk.account) as hub:
            pull = hub.pull_request(*_owner_and_name(desk.place), review.number)
            pull.update(state="closed", body=f"{WITHDRAWN}\n\n{pull.body or ''}"[:LIMIT])
    if not review.gone:
        push(desk, Push("", review.ref, review.commit))
    return Told("retired", f"{review} closed, nothing is left to propose")


def create(place: Place, account: Account, about: About) -> None:
    """Make the repository, of an organisation or of the token's own user."""
    owner, name = _owner_and_name(place)
    # GitHub refuses line breaks.
    words = " ".join(about.description.split())[:_DESCRIPTION]
    facts = {"description": words, "private": about.private, "has_wiki": False}
    with _asking(place, account) as hub:
        owning = _owner(place, hub, owner)
        try:
            made = owning.create_repository(name, **facts)
        except UnprocessableEntity as error:
            if "already exists" in _words(error):
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
        if "already exists" not in _words(error) or pull is None:
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
    return "withdrawn" if (pull.body or "").startswith(WITHDRAWN) else "closed"


def _ref(stream: str) -> str:
    return f"refs/heads/{review_branch(stream)}"


# --- the interface -------------------------------------------------------------------------------


def _repository(place: Place, hub: Any) -> Any:
    """Return the repository; raise when GitHub leads to one of another name."""
    owner, name = _owner_and_name(place)
    found = hub.repository(owner, name)
    if found.full_name.lower() != f"{owner}/{name}".lower():
        raise DistgenError(
            f"is called {found.full_name} now", where=place, hint="change dist_git.url"
        )
    return found


def _owner_and_name(place: Place) -> tuple[str, str]:
    owner, _, name = project(place).partition("/")
    if not owner or not name or "/" in name:
        raise DistgenError("is no address of GitHub: OWNER/REPOSITORY.git", where=place)
    return owner, name


def interface(place: Place, account: Account) -> str:
    """Return the address of the interface: GitHub's own, or that of an Enterprise."""
    if account.api:
        return account.api.rstrip("/")
    server = host(place)
    if server in ("github.com", "ssh.github.com"):
        return "https://api.github.com"
    if server.endswith(".ghe.com"):
        return f"https://api.{server}"
    parts = urlsplit(place.address)
    if parts.scheme in ("http", "https"):
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/api/v3"
    return f"https://{server}/api/v3"


@contextmanager
def _asking(place: Place, account: Account) -> Iterator[Any]:
    """Yield the interface; what GitHub refuses is told as a sentence."""
    session = _Session()
    session.base = session.base_url = interface(place, account)
    session.patience = account.patience
    if account.token:
        session.auth = Header(f"token {account.token}")
    try:
        yield github3.GitHub(session=session)
    except AuthenticationFailed:
        raise _unknown(place, account) from None
    except NotFoundError:
        what = "GitHub has no such repository, or does not show it to this token"
        raise DistgenError(what, where=place) from None
    except _UNREADABLE:
        what = "what GitHub answers is not as GitHub describes it"
        raise DistgenError(what, where=session.base) from None
    except GitHubError as error:
        hint = "may the token write contents and pull requests?"
        raise DistgenError(
            f"GitHub says {account.hide(_words(error))}",
            where=place,
            hint=hint if isinstance(error, ForbiddenError) else "",
        ) from None
    except GitHubException as error:
        raise DistgenError(f"GitHub: {type(error).__name__}", where=place) from None
    finally:
        session.close()


def _unknown(place: Place, account: Account) -> DistgenError:
    what = "does not know the token" if account.token else "wants a token"
    hint = "name the variable that holds it: dist_git.token_env"
    return DistgenError(f"GitHub {what}", where=place, hint=hint)


def _words(error: GitHubError) -> str:
    """Return what GitHub says is wrong, with the parts of it, on one line."""
    parts = error.errors if isinstance(error.errors, list) else [error.errors]
    said = "; ".join((message(error.response), *map(_part, parts)))
    return " ".join(said.split())[:300]


def _part(part: Any) -> str:
    if not isinstance(part, dict):
        return str(part)
    named = (str(part[key]) for key in ("resource", "field", "code") if part.get(key))
    return str(part.get("message") or " ".join(named).replace("_", " "))
