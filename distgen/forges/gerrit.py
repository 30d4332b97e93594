r"""Reviews on Gerrit: pushes to `refs/for/`, one change per base by its Change-Id.

https://gerrit-review.googlesource.com/Documentation/user-upload.html, and rest-api-changes.html
for what git cannot do: abandon and restore. The footers are as Zuul's Gerrit driver reads them,
`^Depends-On: (I[0-9a-f]{40})\s*$`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from distgen.errors import DistgenError
from distgen.forges.addresses import find_link, host_name, project_path
from distgen.forges.forge import Forge
from distgen.forges.message import Proposal, change_id, review_branch
from distgen.forges.message import with_review_message as reworded
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
_STATES: dict[str, State] = {"NEW": "open", "MERGED": "merged"}
_HAD = ("no new changes", "already exists")
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


def depends_on_footer(desk: ReviewContext, subject: ReviewSubject) -> str:
    """Name the change by its Change-Id, which is known before it is pushed."""
    return f"Depends-On: {_id(desk, subject.branch, subject.base)}"


def with_message(desk: ReviewContext, change: Change, footers: Sequence[str]) -> Change:
    """Say in the message what Gerrit shows, and which change this is."""
    own = _id(desk, change.branch, change.parent)
    return reworded(change, (*footers, f"Change-Id: {own}"), _TEXT_LIMIT)


def find_reviews(desk: ReviewContext, subject: ReviewSubject, refs: Refs) -> Sequence[Review]:
    """Return the change on the present base, and those that were left behind on earlier ones."""
    latest = _latest(refs)
    commits = fetch_commits(desk, {ref: refs[ref] for ref in latest.values()})
    mine: dict[int, tuple[str, bool]] = {}
    for number, ref in latest.items():
        found = parse_trailers(commits.get(refs[ref], b"").decode("utf-8", "replace"))
        if _names(found, subject):
            current = found.get("Change-Id") == _id(desk, subject.branch, subject.base)
            if current or not is_ancestor(desk.store, subject.base, refs[ref]):
                mine[number] = (ref, current)
    known = _statuses(desk, subject) if mine else None
    return [
        Review(
            commit=refs[ref],
            ref=ref,
            name=f"change {number}",
            url=_link(desk, number),
            state=state,
            number=number,
            leftover=not current,
        )
        for number, (ref, current) in mine.items()
        if (state := _state(desk, number, known, current)) == "open" or current
    ]


def submit(
    desk: ReviewContext, change: Change, proposal: Proposal, review: Review | None
) -> ReviewOutcome:
    """Push a new change, or the next patch set of the one that there is."""
    assert change.commit
    topic = review_branch(change.stream)
    if review and review.state in ("withdrawn", "closed"):
        # Gerrit takes no patch sets for a change that is abandoned, and its Change-Id is taken.
        _post(desk, f"changes/{review.number}/restore", "distgen has something to propose again.")
        if review.commit == change.commit:
            return ReviewOutcome("updated", f"{review} restored")
    if review and review.commit == change.commit:
        return ReviewOutcome("unchanged", f"{review} proposes it already")
    _refuse_news(desk, review)
    what = RefUpdate(change.commit, f"refs/for/{change.branch}%topic={topic}", had=_HAD)
    try:
        said = push_ref(desk, what)
    except ReviewMoved:
        here = "Gerrit has this commit already, as an earlier patch set or in another change"
        hint = "the next commit of the catalogue gives it another name"
        raise ReviewMoved(here, where=desk.place, hint=hint) from None
    except DistgenError as refused:
        hint = next(
            (told for sign, told in _ADVICE.items() if re.search(sign, refused.problem)), ""
        )
        raise DistgenError(refused.problem, where=refused.where, hint=hint) from None
    if review:
        return ReviewOutcome("updated", f"{review} updated")
    return ReviewOutcome("created", f"change opened {find_link(said, _NUMBER)}".rstrip())


def withdraw(desk: ReviewContext, review: Review) -> ReviewOutcome:
    """Abandon a change."""
    if _session(desk) is None:
        there = f"{review.number},{review.ref.rpartition('/')[2]}"
        told = (
            f"{review} {NOTHING_LEFT}; abandon it, if it is open: gerrit review --abandon {there}"
        )
        return ReviewOutcome("unchanged", told)
    _post(desk, f"changes/{review.number}/abandon", WITHDRAWAL_NOTE)
    return ReviewOutcome("retired", f"{review} abandoned, nothing is left to propose")


def creation_hint(place: Place) -> str:
    """Return the command for an administrator, who has to give a new project its rights."""
    if place.address.startswith("http"):
        # The commands are on a port of their own, and what asks for a password is below /a/.
        name = f"/{project_path(place)}".rpartition("/a/")[2].strip("/")
        return f"ssh -p {_SSH_PORT} {host_name(place)} gerrit create-project {name}"
    return f"{ssh_command(place)} gerrit create-project {project_path(place)}"


def _latest(refs: Refs) -> dict[int, str]:
    """Return the ref of the last patch set of the newest changes, newest first."""
    sets: dict[int, int] = {}
    for ref in refs:
        if found := _PATCH_SET.fullmatch(ref):
            number, patch = int(found[1]), int(found[2])
            sets[number] = max(patch, sets.get(number, 0))
    newest = sorted(sets, reverse=True)[:_NEWEST]
    return {number: f"refs/changes/{number % 100:02}/{number}/{sets[number]}" for number in newest}


def _refuse_news(desk: ReviewContext, review: Review | None) -> None:
    """Raise when a change got another patch set meanwhile, for Gerrit knows no lease."""
    if review is None:
        return
    sets = list_refs(desk.store.git, desk.place, (f"{review.ref.rpartition('/')[0]}/*",)) or {}
    if _latest(sets).get(review.number) != review.ref:
        raise ReviewMoved(f"{review} got another patch set just now", where=desk.place)


def _names(found: dict[str, str], subject: ReviewSubject) -> bool:
    mine = (found.get("Distgen-Image"), found.get("Distgen-Stream"))
    return mine == (subject.image, subject.stream) and "Change-Id" in found


def _id(desk: ReviewContext, branch: str, base: str | None) -> str:
    return change_id(_name(desk), branch, base)


def _name(desk: ReviewContext) -> str:
    """Return Gerrit's name of the project: what stands behind /a/ where it asks for a password."""
    path = f"/{project_path(desk.place)}"
    if desk.place.address.startswith("http") and desk.account.api:
        path = path.removeprefix(urlsplit(desk.account.api).path.rstrip("/"))
        return path.removeprefix("/a/").strip("/")
    before, found, name = path.partition("/a/")
    return name if found else before.strip("/")


# --- what only the web interface tells and does --------------------------------------------------


def interface(place: Place, account: Account) -> str:
    """Return the address of the web interface, "" where it is not known."""
    if account.api:
        return account.api.rstrip("/")
    parts = urlsplit(place.address)
    if place.folder is not None or parts.scheme not in ("http", "https"):
        return ""
    host = parts.netloc.rpartition("@")[2]
    before, found, _ = parts.path.partition("/a/")
    return f"{parts.scheme}://{host}{before if found else ''}"


def _link(desk: ReviewContext, number: int) -> str:
    base = interface(desk.place, desk.account)
    return f"{base}/c/{_name(desk)}/+/{number}" if base else ""


def _session(desk: ReviewContext) -> SameHostSession | None:
    """Return a session that may change things, None without an address or a password."""
    if not interface(desk.place, desk.account) or not desk.account.token:
        return None
    session = SameHostSession(interface(desk.place, desk.account), desk.account.policy)
    session.auth = (desk.account.user, desk.account.token)
    return session


def _ask(desk: ReviewContext, path: str, **query: str) -> Any:
    session = _session(desk)
    if session is None:
        return None
    answer = session.get(f"{session.base}/a/{path}", params=query)
    if not answer.ok:
        hint = (
            "is this Gerrit's address? dist_git.api says another"
            if answer.status_code == 404
            else ""
        )
        words = desk.account.hide(error_message(answer))
        raise DistgenError(f"Gerrit says {words}", where=session.base, hint=hint)
    return parse_json(answer)


def _post(desk: ReviewContext, path: str, words: str) -> None:
    session = _session(desk)
    if session is None:
        raise DistgenError("Gerrit cannot be asked without a password", where=desk.place)
    answer = session.post(f"{session.base}/a/{path}", json={"message": words})
    if not answer.ok:
        words = desk.account.hide(error_message(answer))
        raise DistgenError(f"Gerrit says {words}", where=session.base)


def _statuses(desk: ReviewContext, subject: ReviewSubject) -> dict[int, str] | None:
    """Return the statuses of the newest changes of a branch, None when nobody can be asked."""
    query = f'project:"{_name(desk)}" branch:"{subject.branch}"'
    found = _ask(desk, "changes/", q=query, n=str(_NEWEST))
    return None if found is None else {one["_number"]: one["status"] for one in found}


def _state(desk: ReviewContext, number: int, known: dict[int, str] | None, current: bool) -> State:
    if known is None:
        return "unknown"
    # What is searched runs behind what there is.
    status = known.get(number) or _ask(desk, f"changes/{number}")["status"]
    if status in _STATES:
        return _STATES[status]
    last = _ask(desk, f"changes/{number}/detail").get("messages", ())[-1:] if current else ()
    return (
        "withdrawn" if any(WITHDRAWAL_NOTE in one.get("message", "") for one in last) else "closed"
    )


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
