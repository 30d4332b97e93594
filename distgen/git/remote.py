"""Ask dist-git repositories where their branches stand, and push commits of the store to them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from distgen.errors import DistgenError
from distgen.git.auth import auth_error
from distgen.git.local import new_repository, read_tips
from distgen.git.location import Place
from distgen.git.retry import is_temporary, run_with_retries
from distgen.git.run import Git, GitResult, clean_lines, explain, run
from distgen.git.store import Store
from distgen.model.published import Change

_ONE_BY_ONE = (
    "the server moves no two branches at once; set receive.advertiseAtomic there, "
    "or publish each stream by itself, as with '*@main'"
)
_NOISE = re.compile(
    r"error: hook declined|(?:Processing changes|Resolving deltas|(?:Counting|Compressing"
    r"|Analyzing|Unpacking) objects|Checking (?:connectivity|references))\b"
)
_UNPACKING = re.compile(r"(?:remote unpack failed|unpack failed): (.+)")
_MISSING = re.compile(
    r"^(?:fatal|error|remote): .*(?:(?<!command )not (?:be )?found|does not exist"
    r"|does not appear to be a git repository|no such)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class RemoteHeads:
    """Where the branches of a repository stand; `exists` False: there is no repository yet."""

    exists: bool
    tips: Mapping[str, str] = field(default_factory=dict)


def read_remote_heads(git: Git, place: Place, branches: Sequence[str]) -> RemoteHeads:
    """Ask a repository for the commits of its branches."""
    try:
        foreign = place.folder is not None and (place.folder / "reftable").is_dir()
    except OSError as error:
        raise DistgenError(f"cannot be read: {error.strerror}", where=place) from None
    if place.folder is None or foreign:
        return _asked(git, place, branches)
    found = read_tips(place.folder, branches)
    return RemoteHeads(False) if found is None else RemoteHeads(True, found)


@dataclass(frozen=True, slots=True)
class PushRefusal:
    """Why a push did not succeed; one that is `passing` may when it is tried again."""

    why: str
    passing: bool = False

    def __str__(self) -> str:
        return self.why


def list_refs(git: Git, place: Place, patterns: Sequence[str]) -> Mapping[str, str] | None:
    """Ask a repository for the refs that match full names or globs; None: there is none yet."""
    done = run_with_retries(git, place, "ls-remote", place.address, *patterns)
    if done.code:
        if _MISSING.search(done.error):
            return None
        unknown = DistgenError(f"cannot be reached: {explain(done)}", where=place)
        raise auth_error(git, place, done) or unknown
    # Not splitlines(): the name of a ref may hold what other than git takes for the end of a line.
    lines = done.output.decode("utf-8", "replace").split("\n")
    pairs = (line.partition("\t") for line in lines if line)
    return {ref: commit for commit, _, ref in pairs}


def push(
    store: Store, place: Place, changes: Sequence[Change], head: str | None
) -> PushRefusal | None:
    """Push the commits of all changes at once, or none; None: they were taken.

    `head` is the branch that a repository just made, or to be made here, shows to those who clone;
    None: it was there already.
    """
    if head is None:
        return _pushed(store, place, place.address, changes)
    if place.folder is None:
        # A forge shows the branch that came first, and nobody has the others yet.
        first = [change for change in changes if change.branch == head]
        others = [change for change in changes if change.branch != head]
        refused = _pushed(store, place, place.address, first) if first else None
        if refused or not others:
            return refused
        return _pushed(store, place, place.address, others)
    try:
        with new_repository(store.git, place.folder, head) as folder:
            refused = _pushed(store, place, str(folder), changes)
            if refused:
                raise DistgenError(refused.why)
    except DistgenError as error:
        return PushRefusal(str(error))
    return None


def refusal_reason(done: GitResult) -> str:
    """Return the reason of a refused push: the server's words for a branch, else git's own."""
    reasons = []
    for line in clean_lines(done.output).splitlines():
        flag, _, rest = line.partition("\t")
        if flag == "!" and "atomic push fail" not in rest:
            reasons.append(rest.partition("\t")[2])
    said = [line for line in done.error.splitlines() if line.startswith("remote:")]
    told = [line.removeprefix("remote:").strip() for line in said]
    told = [line for line in told if line and not _NOISE.match(line)]
    # git's long advice about a lock file is for a person with an editor.
    told = list(takewhile(lambda line: not line.startswith("Another git process"), told))
    if unpacking := _UNPACKING.search(done.error):
        return f"the repository cannot be written: {unpacking[1]}"
    if reasons:
        return "; ".join(dict.fromkeys([*told[:4], *reasons]))
    return explain(done)


def _pushed(
    store: Store, place: Place, address: str, changes: Sequence[Change]
) -> PushRefusal | None:
    # An explicit lease names what the plan saw. Each commit is a child of that, so this only ever
    # moves forward; and without it git's atomic push over HTTP dies instead of reporting.
    leases = (f"--force-with-lease=refs/heads/{c.branch}:{c.parent or ''}" for c in changes)
    refs = (f"{change.commit}:refs/heads/{change.branch}" for change in changes)
    atomic = ("--atomic",) if len(changes) > 1 else ()
    done = run(
        store.git,
        *("push", "--porcelain", "--no-verify", *atomic, *leases, address, *refs),
        folder=store.folder,
        network=place.folder is None,
        to_the_end=True,
    )
    if done.code == 0:
        return None
    if error := auth_error(store.git, place, done):
        return PushRefusal(str(error))
    if "does not support --atomic push" in done.error:
        return PushRefusal(f"{place}: {_ONE_BY_ONE}")
    why = refusal_reason(done)
    where = f"{place}: " if _UNPACKING.search(done.error) else ""
    return PushRefusal(f"{where}{why}", is_temporary(done))


def _asked(git: Git, place: Place, branches: Sequence[str]) -> RemoteHeads:
    wanted = {f"refs/heads/{branch}": branch for branch in branches}
    found = list_refs(git, place, tuple(wanted))
    if found is None:
        return RemoteHeads(False)
    return RemoteHeads(
        True, {wanted[ref]: commit for ref, commit in found.items() if ref in wanted}
    )
