"""Reviews on Forgejo and Gitea: pushes to `refs/for/` (AGit), one pull request per topic.

https://forgejo.org/docs/latest/user/agit-support/; a push opens a pull request, and later ones
change its commits only, so that its text and its end go through /api/v1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

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
    is_merged,
    linked,
    parents,
    project,
    push,
    read,
)
from distgen.forges.web import Guarded, Header, message
from distgen.model import Change
from distgen.proposal import Proposal, is_own, review_branch
from distgen.store.places import Place

# An option travels in one packet of git's protocol, 65,516 bytes, and a line break takes four.
LIMIT = 16_000
CREATES = False
_HEAD = re.compile(r"refs/pull/(\d+)/head")
_NEWEST = 200
_DEPTH = 50


def patterns(stream: str) -> Sequence[str]:
    """Look for the heads of all pull requests."""
    return ("refs/pull/*/head",)


def dependence(desk: Desk, subject: Subject) -> str:
    """Name nothing: Forgejo has no such footer."""
    return ""


def worded(desk: Desk, change: Change, footers: Sequence[str]) -> Change:
    """Leave the commit as it is: what is merged is what would have been published."""
    return change


def find(desk: Desk, subject: Subject, refs: Refs) -> Sequence[Review]:
    """Return the newest pull request that stands on a commit of distgen for this subject."""
    numbers = {int(found[1]): ref for ref in refs if (found := _HEAD.fullmatch(ref))}
    newest = sorted(numbers, reverse=True)[:_NEWEST]
    read(desk, {numbers[number]: refs[numbers[number]] for number in newest})
    for number in newest:
        ref = numbers[number]
        if not is_merged(desk, refs[ref], subject.base) and _began(desk, subject, refs[ref]):
            there = _ask(desk, number)
            name, url = f"pull request #{number}", there.get("html_url", "")
            return [Review(refs[ref], ref, name, url, _state(there), number)]
    return []


def submit(desk: Desk, change: Change, proposal: Proposal, review: Review | None) -> Told:
    """Push to the topic; a pull request that is open gets the commit, else one is opened."""
    assert change.commit
    if review and review.state == "withdrawn":
        _patch(desk, review.number, {"state": "open"})
    elif review and review.state in ("closed", "merged"):
        review = None
    elif review and review.commit == change.commit:
        return Told("unchanged", f"{review} proposes it already")
    if not (review and review.commit == change.commit):
        options = (
            f"topic={review_branch(change.stream)}",
            f"title={proposal.title}",
            # An option has no line breaks, but Markdown knows these.
            f"description={proposal.body.replace(chr(10), '<br>')}",
            "force-push=true",
        )
        try:
            said = push(desk, Push(change.commit, f"refs/for/{change.branch}", options=options))
        except DistgenError as refused:
            if "same as the old commit" not in refused.what:
                raise
            return Told("unchanged", "another run proposed it just now")
        if review is None:
            return Told("created", f"pull request opened {linked(said)}".rstrip())
    if _session(desk) is not None:
        _patch(desk, review.number, {"title": proposal.title, "body": proposal.body})
    return Told("updated", f"{review} updated")


def withdraw(desk: Desk, review: Review) -> Told:
    """Close a pull request."""
    if _session(desk) is None:
        return Told("unchanged", f"{review} has nothing left to propose; close it")
    _patch(desk, review.number, {"state": "closed", "body": WITHDRAWN})
    return Told("retired", f"{review} closed, nothing is left to propose")


def create(place: Place, account: Account, about: About) -> None:
    """Leave it to the person."""


def _began(desk: Desk, subject: Subject, commit: str) -> bool:
    """Say whether distgen made a commit, or one that somebody else's stand on."""
    for _ in range(_DEPTH):
        found = desk.store.reader.read(commit)
        if found is None or commit == subject.base:
            return False
        if is_own(found.content, subject.image, subject.stream, subject.author):
            return not is_merged(desk, commit, subject.base)
        above = parents(found.content)
        if not above:
            return False
        commit = above[0]
    return False


def interface(place: Place, account: Account) -> str:
    """Return the address of the web interface, "" where it is not known."""
    if account.api:
        return account.api.rstrip("/")
    parts = urlsplit(place.address)
    if place.folder is not None or parts.scheme not in ("http", "https"):
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/api/v1"


def _session(desk: Desk) -> Guarded | None:
    """Return a session that may change things, None without an address or a token."""
    if not interface(desk.place, desk.account) or not desk.account.token:
        return None
    session = Guarded()
    session.base, session.patience = interface(desk.place, desk.account), desk.account.patience
    session.auth = Header(f"token {desk.account.token}")
    return session


def _ask(desk: Desk, number: int) -> dict[str, Any]:
    session = _session(desk)
    if session is None:
        return {}
    answer = session.get(_address(desk, number))
    if not answer.ok:
        said = desk.account.hide(message(answer))
        raise DistgenError(f"Forgejo says {said}", where=session.base)
    found: dict[str, Any] = answer.json()
    return found


def _patch(desk: Desk, number: int, words: dict[str, str]) -> None:
    session = _session(desk)
    if session is None:
        raise DistgenError("Forgejo cannot be asked without a token", where=desk.place)
    answer = session.patch(_address(desk, number), json=words)
    if not answer.ok:
        said = desk.account.hide(message(answer))
        raise DistgenError(f"Forgejo says {said}", where=session.base)


def _address(desk: Desk, number: int) -> str:
    return f"{interface(desk.place, desk.account)}/repos/{project(desk.place)}/pulls/{number}"


def _state(there: dict[str, Any]) -> State:
    if not there:
        return "unknown"
    if there.get("merged"):
        return "merged"
    if there.get("state") == "open":
        return "open"
    return "withdrawn" if (there.get("body") or "").startswith(WITHDRAWN) else "closed"
