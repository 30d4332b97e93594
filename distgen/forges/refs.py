"""Push to the refs that reviews live at, and fetch their commits into the store."""

from __future__ import annotations

from dataclasses import dataclass

from distgen.errors import DistgenError
from distgen.forges.records import Refs, ReviewContext, ReviewMoved
from distgen.git.auth import auth_error
from distgen.git.remote import list_refs, refusal_reason
from distgen.git.retry import is_temporary, run_with_retries, wait_for_retry
from distgen.git.run import GitResult, explain, run


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref to push to: `commit` "" deletes it, `expected` None asks for no lease.

    `duplicate_signs` are words by which a server says that it has the commit already.
    """

    commit: str
    ref: str
    expected: str | None = None
    options: tuple[str, ...] = ()
    duplicate_signs: tuple[str, ...] = ()


def push_ref(context: ReviewContext, update: RefUpdate) -> tuple[str, ...]:
    """Push to a ref that is not a dist-git branch; return the lines that the server says.

    The lease makes sure that only the expected commit is replaced; raise ReviewMoved when another
    is there now. A push that may succeed later is tried again.
    """
    git, attempt = context.store.git, 0
    while True:
        result = _run_push(context, update)
        commit = _remote_commit(context, update) if result.code else update.commit
        if commit == update.commit:  # or the answer was lost, or another run pushed the same
            lines = (line.strip() for line in result.error.splitlines())
            return tuple(line[7:].strip() for line in lines if line.startswith("remote:"))
        reason = refusal_reason(result)
        if any(sign in reason for sign in update.duplicate_signs):
            if attempt:  # the answer to the attempt before was lost
                return ()
            raise ReviewMoved(reason, where=context.place)
        if commit not in (None, update.expected):
            raise ReviewMoved(reason, where=context.place)
        attempt += 1
        may_retry = is_temporary(result) and attempt < git.retry.attempts
        if not may_retry or not wait_for_retry(git, attempt - 1, f"{context.place}: {reason}"):
            error = DistgenError(reason, where=context.place)
            raise auth_error(git, context.place, result) or error


def _run_push(context: ReviewContext, update: RefUpdate) -> GitResult:
    lease = f"--force-with-lease={update.ref}:{update.expected}"
    options = (f"--push-option={option}" for option in update.options)
    return run(
        context.store.git,
        *("push", "--porcelain", "--no-verify"),
        *(() if update.expected is None else (lease,)),
        *options,
        *(context.place.address, f"{update.commit}:{update.ref}"),
        folder=context.store.folder,
        network=context.place.folder is None,
        to_the_end=True,
    )


def _remote_commit(context: ReviewContext, update: RefUpdate) -> str | None:
    """Return the commit at a ref that a push may have changed; None: it is not known."""
    if update.expected is None:
        return None
    refs = list_refs(context.store.git, context.place, (update.ref,))
    return None if refs is None else refs.get(update.ref, "")


def fetch_commits(context: ReviewContext, refs: Refs) -> dict[str, bytes]:
    """Return the commits at refs, fetched into the store; those that moved away are left out."""
    read = context.store.reader.read
    missing = [ref for ref, commit in refs.items() if read(commit) is None]
    if missing:
        result = run_with_retries(
            context.store.git,
            context.place,
            *("fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"),
            *(context.place.address, *missing),
            folder=context.store.folder,
        )
        if result.code:
            raise DistgenError(f"cannot be fetched: {explain(result)}", where=context.place)
    commits = {commit: read(commit) for commit in refs.values()}
    return {
        commit: git_object.content
        for commit, git_object in commits.items()
        if git_object is not None
    }
