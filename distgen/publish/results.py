"""Turn changes that have ended into results, and troubles into changes that have ended."""

from __future__ import annotations

from dataclasses import replace

from distgen.git.run import hide_secrets
from distgen.model.published import Change, Result
from distgen.model.words import COMMIT_STATUSES, Status
from distgen.publish.target import BranchTarget


def failed_change(target: BranchTarget, detail: str, status: Status = "failed") -> Change:
    """Return the change of a branch that could not be planned."""
    return Change(
        *(target.image, target.stream, target.url, target.branch),
        status,
        None,
        detail=hide_secrets(detail),
    )


def without_commit(change: Change, status: Status, detail: str) -> Change:
    """Return a change as it ends when its commit is not pushed."""
    return replace(change, status=status, commit=change.parent, detail=detail)


def to_result(change: Change) -> Result:
    """Return the result that a change has come to."""
    return Result(
        image=change.image,
        stream=change.stream,
        url=hide_secrets(change.url),
        branch=change.branch,
        status=change.status,
        commit=change.commit,
        parent=change.parent,
        detail=change.detail,
        edits=change.edits,
        exit_code=change.exit_code,
        can_restamp=change.can_restamp,
    )


def status_of(change: Change) -> Result:
    """Return what `status` says of a branch: unchanged, behind, drifted, or what stops a plan."""
    result = to_result(change)
    if change.edits:
        return replace(result, status="drifted")
    if change.status in COMMIT_STATUSES:
        detail = change.detail or ("not published yet" if change.parent is None else "")
        return replace(result, status="behind", commit=change.parent, detail=detail)
    return result
