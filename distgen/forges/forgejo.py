"""Reviews on Forgejo and Gitea: pushes to `refs/for/` (AGit), one pull request per topic.

https://forgejo.org/docs/latest/user/agit-support/; a push opens a pull request, and later ones
change its commits only. Line breaks, later text, and its end go through /api/v1.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
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
    ReviewState,
    ReviewSubject,
)
from distgen.forges.refs import RefUpdate, fetch_commits, push_ref
from distgen.forges.session import (
    AuthorizationHeader,
    SameHostSession,
    error_message,
    parse_json,
)
from distgen.git.commits import parse_commit
from distgen.git.location import Place
from distgen.git.remote import list_refs
from distgen.git.store import is_ancestor
from distgen.model.published import Change

# An option travels in one packet of git's protocol, 65,516 bytes, and a line break takes five.
_TEXT_LIMIT = 13_000
_HEAD = re.compile(r"refs/pull/(\d+)/head")
_NEWEST = 200
_DEPTH = 50
_DUPLICATE_SIGNS = ("same as the old commit", "same with old commit")  # Forgejo, Gitea


def ref_patterns(stream: str) -> Sequence[str]:
    """Look for the heads of all pull requests."""
    return ("refs/pull/*/head",)


def find_reviews(context: ReviewContext, subject: ReviewSubject, refs: Refs) -> Sequence[Review]:
    """Return the newest pull request that is based on a commit of distgen for this subject."""
    refs_by_number = {int(match[1]): ref for ref in refs if (match := _HEAD.fullmatch(ref))}
    newest = sorted(refs_by_number, reverse=True)[:_NEWEST]
    newest_refs = [refs_by_number[number] for number in newest]
    fetch_commits(context, {ref: refs[ref] for ref in newest_refs})
    for number in newest:
        ref = refs_by_number[number]
        commit = refs[ref]
        if is_ancestor(context.store, subject.base, commit):
            continue
        if not _has_commit_of(context, subject, commit):
            continue
        pull = _get_pull(context, number)
        if pull.get("head", {}).get("label"):
            continue  # it is from a person's branch, which is based on a commit of distgen
        name, url = f"pull request #{number}", pull.get("html_url", "")
        return [Review(commit, ref, name, url, _state(pull), number)]
    return []


def submit(
    context: ReviewContext, change: Change, proposal: Proposal, review: Review | None
) -> ReviewOutcome:
    """Push to the topic; a pull request that is open gets the commit, else one is opened."""
    assert change.commit
    if review and review.state == "withdrawn":
        _patch_pull(context, review.number, {"state": "open"})
    elif review and review.state in ("closed", "merged"):
        review = None
    elif review and review.commit == change.commit:
        return ReviewOutcome("unchanged", f"{review} proposes it already")
    number, url = (review.number, review.url) if review else (0, "")
    if not (review and review.commit == change.commit):
        number, url = _push_topic(context, change, proposal, review)
    # The option of the push has the text on one line, and does nothing where one is open already.
    if number and _open_session(context) is not None:
        _patch_pull(context, number, {"title": proposal.title, "body": proposal.body})
    # Without a token only the number shows that the server has opened another pull request.
    is_update = review is not None and review.number == number
    detail = f"pull request #{number} {'updated' if is_update else 'opened'} {url}".rstrip()
    return ReviewOutcome("updated" if is_update else "created", detail)


def _push_topic(
    context: ReviewContext, change: Change, proposal: Proposal, review: Review | None
) -> tuple[int, str]:
    """Push to the topic; return the number and address of the pull request that has the commit."""
    if review and _list_refs(context, review.ref).get(review.ref) != review.commit:
        # There is no lease for what a server moves itself.
        raise ReviewMoved(f"{review} was pushed to just now", where=context.place)
    options = (
        f"topic={review_branch(change.stream)}",
        f"title={proposal.title}",
        f"description={_one_line(proposal.body)}",
        "force-push=true",
    )
    ref = f"refs/for/{change.branch}"
    update = RefUpdate(change.commit or "", ref, None, options, _DUPLICATE_SIGNS)
    url = find_link(push_ref(context, update), r"/pulls/\d+$")
    if url:
        return int(url.rpartition("/")[2]), url
    heads = _list_refs(context, *ref_patterns("")).items()
    matches = (_HEAD.fullmatch(ref) for ref, commit in heads if commit == change.commit)
    return max((int(match[1]) for match in matches if match), default=0), ""


def _list_refs(context: ReviewContext, *patterns: str) -> Refs:
    return list_refs(context.store.git, context.place, patterns) or {}


def _one_line(body: str) -> str:
    """Return a text on one line, which shows its lines as an editor would.

    An option of a push cannot hold line breaks.
    """
    return f"<pre>{html.escape(body, quote=False).replace(chr(10), '&#10;')}</pre>"


def withdraw(context: ReviewContext, review: Review) -> ReviewOutcome:
    """Close a pull request."""
    if _open_session(context) is None:
        return ReviewOutcome("unchanged", f"{review} {NOTHING_LEFT}; close it, if it is open")
    text = _get_pull(context, review.number).get("body") or ""
    body = f"{WITHDRAWAL_NOTE}\n\n{text}".strip()
    _patch_pull(context, review.number, {"state": "closed", "body": body})
    return ReviewOutcome("retired", f"{review} closed, nothing is left to propose")


def creation_hint(place: Place) -> str:
    """Return the command with which a person makes the repository."""
    owner, _, name = project_path(place).rpartition("/")
    return f"tea repos create --owner {owner.rpartition('/')[2]} --name {name}"


def find_obstacle(place: Place, account: Account) -> str | None:
    """Return what keeps the token from pushing, "" where it may; None: Forgejo does not say."""
    address = api_address(place, account)
    if not address or not account.token:
        return None
    session = SameHostSession(address, account.policy)
    session.auth = AuthorizationHeader(f"token {account.token}")
    name = "/".join(project_path(place).split("/")[-2:])
    response = session.get(f"{address}/repos/{name}")
    if not response.ok:
        message = account.hide(error_message(response))
        raise DistgenError(f"Forgejo says {message}", where=session.base)
    facts = parse_json(response)
    permissions = facts.get("permissions") if isinstance(facts, dict) else None
    if isinstance(facts, dict) and facts.get("archived"):
        return "Forgejo says that it is archived"
    if not isinstance(permissions, dict):
        return None
    return "" if permissions.get("push") else "Forgejo says that the token may read, and not push"


def _has_commit_of(context: ReviewContext, subject: ReviewSubject, commit: str) -> bool:
    """Say whether distgen made a commit, or one below it that the branch does not have."""
    for _ in range(_DEPTH):
        git_object = context.store.reader.read(commit)
        if git_object is None or commit == subject.base:
            return False
        if is_commit_of(git_object.content, subject.image, subject.stream, subject.author):
            return not is_ancestor(context.store, subject.base, commit)
        parents = parse_commit(git_object.content).parents
        if not parents:
            return False
        commit = parents[0]
    return False


def api_address(place: Place, account: Account) -> str:
    """Return the address of the interface, "" where it is not known."""
    if account.api:
        return account.api.rstrip("/")
    parts = urlsplit(place.address)
    if place.folder is not None or parts.scheme not in ("http", "https"):
        return ""
    folder = "/".join(project_path(place).split("/")[:-2])
    root = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return f"{root}/{folder}/api/v1" if folder else f"{root}/api/v1"


def _open_session(context: ReviewContext) -> SameHostSession | None:
    """Return a session that may change things, None without an address or a token."""
    address, account = api_address(context.place, context.account), context.account
    if not address or not account.token:
        return None
    session = SameHostSession(address, account.policy)
    session.auth = AuthorizationHeader(f"token {account.token}")
    return session


def _get_pull(context: ReviewContext, number: int) -> dict[str, Any]:
    """Return what Forgejo says of a pull request, nothing where it cannot be asked."""
    session = _open_session(context)
    if session is None:
        return {}
    response = session.get(_pull_address(context, number))
    if not response.ok:
        raise _api_error(context, session, response)
    pull: dict[str, Any] = parse_json(response)
    return pull


def _patch_pull(context: ReviewContext, number: int, fields: dict[str, str]) -> None:
    session = _open_session(context)
    if session is None:
        raise DistgenError("Forgejo cannot be asked without a token", where=context.place)
    response = session.patch(_pull_address(context, number), json=fields)
    if not response.ok:
        raise _api_error(context, session, response)


def _api_error(
    context: ReviewContext, session: SameHostSession, response: Response
) -> DistgenError:
    message = context.account.hide(error_message(response))
    hint = "is this Forgejo's interface, as /api/v1 is? dist_git.api says another"
    hint = hint if response.status_code == 404 else ""
    return DistgenError(f"Forgejo says {message}", where=session.base, hint=hint)


def _pull_address(context: ReviewContext, number: int) -> str:
    name = "/".join(project_path(context.place).split("/")[-2:])
    return f"{api_address(context.place, context.account)}/repos/{name}/pulls/{number}"


def _state(pull: Mapping[str, Any]) -> ReviewState:
    if not pull:
        return "unknown"
    if pull.get("merged"):
        return "merged"
    if pull.get("state") == "open":
        return "open"
    return "withdrawn" if (pull.get("body") or "").startswith(WITHDRAWAL_NOTE) else "closed"


FORGE = Forge(
    text_limit=_TEXT_LIMIT,
    file_path="src/commit",
    has_api=True,
    creation_hint=creation_hint,
    find_obstacle=find_obstacle,
    ref_patterns=ref_patterns,
    find_reviews=find_reviews,
    submit=submit,
    withdraw=withdraw,
)
