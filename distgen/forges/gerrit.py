r"""Reviews on Gerrit: pushes to `refs/for/`, one change per base by its Change-Id.

https://gerrit-review.googlesource.com/Documentation/user-upload.html, and rest-api-changes.html
for what git cannot do: abandon and restore. The footers are as Zuul's Gerrit driver reads them,
`^Depends-On: (I[0-9a-f]{40})\s*$`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from distgen.errors import DistgenError
from distgen.forges.addresses import find_link, host_name, project_path
from distgen.forges.forge import Forge
from distgen.forges.message import Proposal, change_id, review_branch, with_review_message
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
from distgen.forges.session import SameHostSession, error_message, parse_json
from distgen.git.commits import parse_trailers
from distgen.git.location import Place, ssh_command
from distgen.git.remote import list_refs
from distgen.git.store import is_ancestor
from distgen.model.published import Change

_TEXT_LIMIT = 16_000
_SSH_PORT = 29418
_PATCH_SET = re.compile(r"refs/changes/\d\d/(\d+)/(\d+)")
_NUMBER = r"/\d+$"
_NEWEST = 200
_STATES: dict[str, ReviewState] = {"NEW": "open", "MERGED": "merged"}
# Gerrit says so of earlier patch sets, too: it does not mean that this commit is proposed.
_DUPLICATE_SIGNS = ("no new changes", "already exists")
_ADVICE = {
    r"change \S+ closed": (
        "restore it, or let its branch move on: Gerrit has one change for each commit of it"
    ),
    "'forge ": "set dist_git.author to an address of the account, or give it that permission",
    "invalid committer": "set dist_git.author to an address of the account",
    "Signed-off-by": "distgen signs nothing off: a project of generated files has to do without",
}


def ref_patterns(stream: str) -> Sequence[str]:
    """Look for the patch sets of all changes."""
    return ("refs/changes/*",)


def depends_on_footer(context: ReviewContext, subject: ReviewSubject) -> str:
    """Name the change by its Change-Id, which is known before it is pushed."""
    return f"Depends-On: {_change_id(context, subject.branch, subject.base)}"


def with_message(context: ReviewContext, change: Change, footers: Sequence[str]) -> Change:
    """Say in the message what Gerrit shows, and which change this is."""
    change_id_footer = f"Change-Id: {_change_id(context, change.branch, change.parent)}"
    return with_review_message(change, (*footers, change_id_footer), _TEXT_LIMIT)


def find_reviews(context: ReviewContext, subject: ReviewSubject, refs: Refs) -> Sequence[Review]:
    """Return the change on the present base, and those that were left behind on earlier ones."""
    patch_sets = _latest_patch_sets(refs)
    commits = fetch_commits(context, {ref: refs[ref] for ref in patch_sets.values()})
    is_current_by_number: dict[int, bool] = {}
    for number, ref in patch_sets.items():
        trailers = parse_trailers(commits.get(refs[ref], b"").decode("utf-8", "replace"))
        if _is_about(trailers, subject):
            change_id_now = _change_id(context, subject.branch, subject.base)
            is_current = trailers.get("Change-Id") == change_id_now
            # A person's patch set on an earlier base once got a rival: a second change beside it.
            if is_current or not is_ancestor(context.store, subject.base, refs[ref]):
                is_current_by_number[number] = is_current
    statuses = _get_statuses(context, subject) if is_current_by_number else None
    return [
        Review(
            commit=refs[patch_sets[number]],
            ref=patch_sets[number],
            name=f"change {number}",
            url=_change_url(context, number),
            state=state,
            number=number,
            leftover=not is_current,
        )
        for number, is_current in is_current_by_number.items()
        if (state := _state(context, number, statuses, is_current)) == "open" or is_current
    ]


def submit(
    context: ReviewContext, change: Change, proposal: Proposal, review: Review | None
) -> ReviewOutcome:
    """Push a new change, or the next patch set of the one that there is."""
    assert change.commit
    if review and review.state in ("withdrawn", "closed"):
        # Gerrit takes no patch sets for a change that is abandoned, and its Change-Id is taken.
        message = "distgen has something to propose again."
        _post_message(context, f"changes/{review.number}/restore", message)
        if review.commit == change.commit:
            return ReviewOutcome("updated", f"{review} restored")
    if review and review.commit == change.commit:
        return ReviewOutcome("unchanged", f"{review} proposes it already")
    _refuse_new_patch_set(context, review)
    lines = _push_change(context, change)
    if review:
        return ReviewOutcome("updated", f"{review} updated")
    return ReviewOutcome("created", f"change opened {find_link(lines, _NUMBER)}".rstrip())


def _push_change(context: ReviewContext, change: Change) -> Sequence[str]:
    """Push a commit for review; return the lines that Gerrit says, or raise what to do."""
    ref = f"refs/for/{change.branch}%topic={review_branch(change.stream)}"
    update = RefUpdate(change.commit or "", ref, duplicate_signs=_DUPLICATE_SIGNS)
    try:
        return push_ref(context, update)
    except ReviewMoved:
        problem = "Gerrit has this commit already, as an earlier patch set or in another change"
        hint = "the next commit of the catalogue gives it another name"
        raise ReviewMoved(problem, where=context.place, hint=hint) from None
    except DistgenError as error:
        hints = (hint for sign, hint in _ADVICE.items() if re.search(sign, error.problem))
        raise DistgenError(error.problem, where=error.where, hint=next(hints, "")) from None


def withdraw(context: ReviewContext, review: Review) -> ReviewOutcome:
    """Abandon a change."""
    if _open_session(context) is None:
        patch_set = f"{review.number},{review.ref.rpartition('/')[2]}"
        command = f"gerrit review --abandon {patch_set}"
        detail = f"{review} {NOTHING_LEFT}; abandon it, if it is open: {command}"
        return ReviewOutcome("unchanged", detail)
    _post_message(context, f"changes/{review.number}/abandon", WITHDRAWAL_NOTE)
    return ReviewOutcome("retired", f"{review} abandoned, nothing is left to propose")


def creation_hint(place: Place) -> str:
    """Return the command for an administrator, who has to give a new project its rights."""
    if place.address.startswith("http"):
        # The commands are on a port of their own, and what asks for a password is below /a/.
        name = f"/{project_path(place)}".rpartition("/a/")[2].strip("/")
        return f"ssh -p {_SSH_PORT} {host_name(place)} gerrit create-project {name}"
    return f"{ssh_command(place)} gerrit create-project {project_path(place)}"


def _latest_patch_sets(refs: Refs) -> dict[int, str]:
    """Return the refs of the last patch sets of the newest changes, by number, newest first."""
    last: dict[int, int] = {}
    for ref in refs:
        if match := _PATCH_SET.fullmatch(ref):
            number, patch_set = int(match[1]), int(match[2])
            last[number] = max(patch_set, last.get(number, 0))
    newest = sorted(last, reverse=True)[:_NEWEST]
    return {number: f"refs/changes/{number % 100:02}/{number}/{last[number]}" for number in newest}


def _refuse_new_patch_set(context: ReviewContext, review: Review | None) -> None:
    """Raise when a change got another patch set meanwhile: a push to Gerrit has no lease."""
    if review is None:
        return
    pattern = f"{review.ref.rpartition('/')[0]}/*"
    refs = list_refs(context.store.git, context.place, (pattern,)) or {}
    if _latest_patch_sets(refs).get(review.number) != review.ref:
        raise ReviewMoved(f"{review} got another patch set just now", where=context.place)


def _is_about(trailers: Mapping[str, str], subject: ReviewSubject) -> bool:
    image, stream = trailers.get("Distgen-Image"), trailers.get("Distgen-Stream")
    return (image, stream) == (subject.image, subject.stream) and "Change-Id" in trailers


def _change_id(context: ReviewContext, branch: str, base: str | None) -> str:
    return change_id(_project_name(context), branch, base)


def _project_name(context: ReviewContext) -> str:
    """Return Gerrit's name of the project: what is behind /a/ where it asks for a password."""
    path = f"/{project_path(context.place)}"
    if context.place.address.startswith("http") and context.account.api:
        path = path.removeprefix(urlsplit(context.account.api).path.rstrip("/"))
        return path.removeprefix("/a/").strip("/")
    folder, separator, name = path.partition("/a/")
    return name if separator else folder.strip("/")


# --- what only the web interface answers and does ------------------------------------------------


def api_address(place: Place, account: Account) -> str:
    """Return the address of the web interface, "" where it is not known."""
    if account.api:
        return account.api.rstrip("/")
    parts = urlsplit(place.address)
    if place.folder is not None or parts.scheme not in ("http", "https"):
        return ""
    host = parts.netloc.rpartition("@")[2]
    folder, separator, _ = parts.path.partition("/a/")
    return f"{parts.scheme}://{host}{folder if separator else ''}"


def _change_url(context: ReviewContext, number: int) -> str:
    address = api_address(context.place, context.account)
    return f"{address}/c/{_project_name(context)}/+/{number}" if address else ""


def _open_session(context: ReviewContext) -> SameHostSession | None:
    """Return a session that may change things, None without an address or a password."""
    address, account = api_address(context.place, context.account), context.account
    if not address or not account.token:
        return None
    session = SameHostSession(address, account.policy)
    session.auth = (account.user, account.token)
    return session


def _get(context: ReviewContext, path: str, **query: str) -> Any:
    session = _open_session(context)
    if session is None:
        return None
    response = session.get(f"{session.base}/a/{path}", params=query)
    if response.ok:
        return parse_json(response)
    is_elsewhere = response.status_code == 404
    hint = "is this Gerrit's address? dist_git.api says another" if is_elsewhere else ""
    message = context.account.hide(error_message(response))
    raise DistgenError(f"Gerrit says {message}", where=session.base, hint=hint)


def _post_message(context: ReviewContext, path: str, message: str) -> None:
    session = _open_session(context)
    if session is None:
        raise DistgenError("Gerrit cannot be asked without a password", where=context.place)
    response = session.post(f"{session.base}/a/{path}", json={"message": message})
    if not response.ok:
        error = context.account.hide(error_message(response))
        raise DistgenError(f"Gerrit says {error}", where=session.base)


def _get_statuses(context: ReviewContext, subject: ReviewSubject) -> dict[int, str] | None:
    """Return the statuses of the newest changes of a branch, None where Gerrit cannot be asked."""
    query = f'project:"{_project_name(context)}" branch:"{subject.branch}"'
    changes = _get(context, "changes/", q=query, n=str(_NEWEST))
    return None if changes is None else {info["_number"]: info["status"] for info in changes}


def _state(
    context: ReviewContext, number: int, statuses: Mapping[int, str] | None, is_current: bool
) -> ReviewState:
    if statuses is None:
        return "unknown"
    # Gerrit's index is behind its changes: a search may miss one that was opened just now.
    status = statuses.get(number) or _get(context, f"changes/{number}")["status"]
    if status in _STATES:
        return _STATES[status]
    details = _get(context, f"changes/{number}/detail") if is_current else {}
    last_messages = details.get("messages", ())[-1:]
    is_ours = any(WITHDRAWAL_NOTE in message.get("message", "") for message in last_messages)
    return "withdrawn" if is_ours else "closed"


FORGE = Forge(
    text_limit=_TEXT_LIMIT,
    has_api=True,
    creation_hint=creation_hint,
    ref_patterns=ref_patterns,
    find_reviews=find_reviews,
    submit=submit,
    withdraw=withdraw,
    with_message=with_message,
    depends_on_footer=depends_on_footer,
)
