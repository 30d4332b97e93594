"""Reviews on Forgejo and Gitea: pushes to `refs/for/` (AGit), one pull request per topic.

https://forgejo.org/docs/latest/user/agit-support/; a push opens a pull request, and later ones
change its commits only. Line breaks, later text, and its end go through /api/v1.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from requests import Response

from distgen.errors import DistgenError
from distgen.forges.addresses import find_link, project_path
from distgen.forges.forge import Forge
from distgen.forges.message import Proposal, is_commit_of, review_branch
from distgen.forges.records import (
    NOTHING_LEFT,
    WITHDRAWAL_NOTE,
    Account,
    Refs,
    Review,
    ReviewContext,
    ReviewMoved,
    ReviewOutcome,
    ReviewSubject,
    State,
)
from distgen.forges.refs import RefUpdate, fetch_commits, push_ref
from distgen.forges.session import (
    AuthorizationHeader,
    SameHostSession,
    error_message,
    parse_json,
)
from distgen.git.commits import parse_commit as parsed
from distgen.git.location import Place
from distgen.git.remote import list_refs
from distgen.git.store import is_ancestor
from distgen.model.published import Change

# An option travels in one packet of git's protocol, 65,516 bytes, and a line break takes five.
_TEXT_LIMIT = 13_000
_HEAD = re.compile(r"refs/pull/(\d+)/head")
_NEWEST = 200
_DEPTH = 50
_HAD = ("same as the old commit", "same with old commit")  # Forgejo, Gitea


def ref_patterns(stream: str) -> Sequence[str]:
    """Look for the heads of all pull requests."""
    return ("refs/pull/*/head",)


def find_reviews(desk: ReviewContext, subject: ReviewSubject, refs: Refs) -> Sequence[Review]:
    """Return the newest pull request that stands on a commit of distgen for this subject."""
    numbers = {int(found[1]): ref for ref in refs if (found := _HEAD.fullmatch(ref))}
    newest = sorted(numbers, reverse=True)[:_NEWEST]
    fetch_commits(desk, {numbers[number]: refs[numbers[number]] for number in newest})
    for number in newest:
        ref = numbers[number]
        if is_ancestor(desk.store, subject.base, refs[ref]) or not _began(desk, subject, refs[ref]):
            continue
        there = _ask(desk, number)
        if there.get("head", {}).get("label"):
            continue  # from a branch: somebody's own, that stands on ours
        name, url = f"pull request #{number}", there.get("html_url", "")
        return [Review(refs[ref], ref, name, url, _state(there), number)]
    return []


def submit(
    desk: ReviewContext, change: Change, proposal: Proposal, review: Review | None
) -> ReviewOutcome:
    """Push to the topic; a pull request that is open gets the commit, else one is opened."""
    assert change.commit
    if review and review.state == "withdrawn":
        _patch(desk, review.number, {"state": "open"})
    elif review and review.state in ("closed", "merged"):
        review = None
    elif review and review.commit == change.commit:
        return ReviewOutcome("unchanged", f"{review} proposes it already")
    number, url = (review.number, review.url) if review else (0, "")
    if not (review and review.commit == change.commit):
        number, url = _pushed(desk, change, proposal, review)
    if number and _session(desk) is not None:
        _patch(desk, number, {"title": proposal.title, "body": proposal.body})
    known = review is not None and review.number == number
    name = f"pull request #{number} {'updated' if known else 'opened'} {url}".rstrip()
    return ReviewOutcome("updated" if known else "created", name)


def _pushed(
    desk: ReviewContext, change: Change, proposal: Proposal, review: Review | None
) -> tuple[int, str]:
    """Push to the topic; return the number and address of the pull request that has the commit."""
    if review and _heads(desk, review.ref).get(review.ref) != review.commit:
        # There is no lease for what a server moves itself.
        raise ReviewMoved(f"{review} was pushed to just now", where=desk.place)
    options = (
        f"topic={review_branch(change.stream)}",
        f"title={proposal.title}",
        f"description={_flat(proposal.body)}",
        "force-push=true",
    )
    what = RefUpdate(change.commit or "", f"refs/for/{change.branch}", None, options, _HAD)
    url = find_link(push_ref(desk, what), r"/pulls/\d+$")
    if url:
        return int(url.rpartition("/")[2]), url
    found = (
        ref for ref, commit in _heads(desk, *ref_patterns("")).items() if commit == change.commit
    )
    return max((int(head[1]) for ref in found if (head := _HEAD.fullmatch(ref))), default=0), ""


def _heads(desk: ReviewContext, *refs: str) -> Refs:
    return list_refs(desk.store.git, desk.place, refs) or {}


def _flat(body: str) -> str:
    """Return a text on one line, for an option has no line breaks, as it would be in an editor."""
    return f"<pre>{html.escape(body, quote=False).replace(chr(10), '&#10;')}</pre>"


def withdraw(desk: ReviewContext, review: Review) -> ReviewOutcome:
    """Close a pull request."""
    if _session(desk) is None:
        return ReviewOutcome("unchanged", f"{review} {NOTHING_LEFT}; close it, if it is open")
    text = _ask(desk, review.number).get("body") or ""
    _patch(desk, review.number, {"state": "closed", "body": f"{WITHDRAWAL_NOTE}\n\n{text}".strip()})
    return ReviewOutcome("retired", f"{review} closed, nothing is left to propose")


def creation_hint(place: Place) -> str:
    """Return the command with which a person makes the repository."""
    owner, _, name = project_path(place).rpartition("/")
    return f"tea repos create --owner {owner.rpartition('/')[2]} --name {name}"


def _began(desk: ReviewContext, subject: ReviewSubject, commit: str) -> bool:
    """Say whether distgen made a commit, or one that somebody else's stand on."""
    for _ in range(_DEPTH):
        found = desk.store.reader.read(commit)
        if found is None or commit == subject.base:
            return False
        if is_commit_of(found.content, subject.image, subject.stream, subject.author):
            return not is_ancestor(desk.store, subject.base, commit)
        above = parsed(found.content).parents
        if not above:
            return False
        commit = above[0]
    return False


def interface(place: Place, account: Account) -> str:
    """Return the address of the interface, "" where it is not known."""
    if account.api:
        return account.api.rstrip("/")
    parts = urlsplit(place.address)
    if place.folder is not None or parts.scheme not in ("http", "https"):
        return ""
    below = "/".join(project_path(place).split("/")[:-2])
    root = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return f"{root}/{below}/api/v1" if below else f"{root}/api/v1"


def _session(desk: ReviewContext) -> SameHostSession | None:
    """Return a session that may change things, None without an address or a token."""
    if not interface(desk.place, desk.account) or not desk.account.token:
        return None
    session = SameHostSession(interface(desk.place, desk.account), desk.account.policy)
    session.auth = AuthorizationHeader(f"token {desk.account.token}")
    return session


def _ask(desk: ReviewContext, number: int) -> dict[str, Any]:
    session = _session(desk)
    if session is None:
        return {}
    answer = session.get(_address(desk, number))
    if not answer.ok:
        raise _refused(desk, session, answer)
    found: dict[str, Any] = parse_json(answer)
    return found


def _patch(desk: ReviewContext, number: int, words: dict[str, str]) -> None:
    session = _session(desk)
    if session is None:
        raise DistgenError("Forgejo cannot be asked without a token", where=desk.place)
    answer = session.patch(_address(desk, number), json=words)
    if not answer.ok:
        raise _refused(desk, session, answer)


def _refused(desk: ReviewContext, session: SameHostSession, answer: Response) -> DistgenError:
    words = desk.account.hide(error_message(answer))
    hint = "is this Forgejo's interface, as /api/v1 is? dist_git.api says another"
    hint = hint if answer.status_code == 404 else ""
    return DistgenError(f"Forgejo says {words}", where=session.base, hint=hint)


def _address(desk: ReviewContext, number: int) -> str:
    name = "/".join(project_path(desk.place).split("/")[-2:])
    return f"{interface(desk.place, desk.account)}/repos/{name}/pulls/{number}"


def _state(there: dict[str, Any]) -> State:
    if not there:
        return "unknown"
    if there.get("merged"):
        return "merged"
    if there.get("state") == "open":
        return "open"
    return "withdrawn" if (there.get("body") or "").startswith(WITHDRAWAL_NOTE) else "closed"


FORGE = Forge(
    text_limit=_TEXT_LIMIT,
    has_api=True,
    creation_hint=creation_hint,
    ref_patterns=ref_patterns,
    find_reviews=find_reviews,
    submit=submit,
    withdraw=withdraw,
)
