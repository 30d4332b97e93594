"""Push to the refs that reviews live at, and bring what stands there into the store."""

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

    `had` are words by which a server says that it has the commit already.
    """

    commit: str
    ref: str
    expected: str | None = None
    options: tuple[str, ...] = ()
    had: tuple[str, ...] = ()


def push_ref(desk: ReviewContext, what: RefUpdate) -> tuple[str, ...]:
    """Push to a ref that is no dist-git branch; return the server's words.

    The lease makes sure that only what was seen is replaced; raise Moved when it is something else
    now. A push that may succeed later is tried again.
    """
    git, attempt = desk.store.git, 0
    while True:
        done = _run_push(desk, what)
        stands = _remote_commit(desk, what) if done.code else what.commit
        if stands == what.commit:  # or an answer was lost, or another run did it
            lines = (line.strip() for line in done.error.splitlines())
            return tuple(line[7:].strip() for line in lines if line.startswith("remote:"))
        why = refusal_reason(done)
        if any(words in why for words in what.had):
            if attempt:  # the answer to the attempt before was lost
                return ()
            raise ReviewMoved(why, where=desk.place)
        if stands not in (None, what.expected):
            raise ReviewMoved(why, where=desk.place)
        attempt += 1
        again = is_temporary(done) and attempt < git.retry.attempts
        if not again or not wait_for_retry(git, attempt - 1, f"{desk.place}: {why}"):
            raise auth_error(git, desk.place, done) or DistgenError(why, where=desk.place)


def _run_push(desk: ReviewContext, what: RefUpdate) -> GitResult:
    lease = () if what.expected is None else (f"--force-with-lease={what.ref}:{what.expected}",)
    options = (f"--push-option={option}" for option in what.options)
    return run(
        desk.store.git,
        *("push", "--porcelain", "--no-verify", *lease, *options),
        *(desk.place.address, f"{what.commit}:{what.ref}"),
        folder=desk.store.folder,
        network=desk.place.folder is None,
        to_the_end=True,
    )


def _remote_commit(desk: ReviewContext, what: RefUpdate) -> str | None:
    """Return the commit at a ref that a push may have changed; None: nobody knows."""
    if what.expected is None:
        return None
    found = list_refs(desk.store.git, desk.place, (what.ref,))
    return None if found is None else found.get(what.ref, "")


def fetch_commits(desk: ReviewContext, refs: Refs) -> dict[str, bytes]:
    """Return the commits at refs, brought into the store; those that moved away are left out."""
    missing = [ref for ref, commit in refs.items() if desk.store.reader.read(commit) is None]
    if missing:
        done = run_with_retries(
            desk.store.git,
            desk.place,
            *("fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"),
            *(desk.place.address, *missing),
            folder=desk.store.folder,
        )
        if done.code:
            raise DistgenError(f"cannot be fetched: {explain(done)}", where=desk.place)
    found = {commit: desk.store.reader.read(commit) for commit in refs.values()}
    return {commit: one.content for commit, one in found.items() if one is not None}
