"""Ask dist-git repositories for the tips of their branches, and push commits to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from distgen.errors import DistgenError
from distgen.git.auth import auth_error
from distgen.git.local import new_repository, read_tips
from distgen.git.location import Place
from distgen.git.refs import HEADS
from distgen.git.retry import ask_with_retries, is_temporary, run_on_server, run_with_retries
from distgen.git.run import NO_REPOSITORY, Git, GitResult, clean_lines, explain, run
from distgen.git.store import Store
from distgen.git.transport import list_refs_over_http, push_over_http
from distgen.model.published import Change

_READING, _WRITING = "git-upload-pack", "git-receive-pack"
_NOT_ATOMIC = (
    "the server cannot move two branches at once; set receive.advertiseAtomic there, "
    "or publish each stream by itself, as with '*@main'"
)
# Gerrit's counts once filled the four lines that are shown, and its reason was not among them.
_NOISE = re.compile(
    r"error: hook declined|(?:Processing changes|Resolving deltas|(?:Counting|Compressing"
    r"|Analyzing|Unpacking) objects|Checking (?:connectivity|references))\b"
)
_TAKEN = re.compile(rf"[ *+]\t[0-9a-f]+:{HEADS}([^\t]+)\t")
_UNPACKING = re.compile(r"(?:remote unpack failed|unpack failed): (.+)")
_MISSING = re.compile(
    r"^(?:fatal|error|remote): .*(?:(?<!command )not (?:be )?found|does not exist"
    r"|does not appear to be a git repository|no such)",
    re.IGNORECASE | re.MULTILINE,
)
# Servers refuse with an ERR line, which git prints as a remote error, or with words on the side.
_SERVER_WORDS = re.compile(r"^(?:fatal: remote error|remote|ERROR): *(.*\S)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RemoteHeads:
    """The commit of each branch of a repository; `exists` is False where no repository is yet.

    `answer` is what the server said to that.
    """

    exists: bool
    tips: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""


def read_remote_heads(git: Git, place: Place, branches: Sequence[str]) -> RemoteHeads:
    """Ask a repository for the commits of its branches."""
    try:
        has_reftable = place.folder is not None and (place.folder / "reftable").is_dir()
    except OSError as error:
        raise DistgenError(f"cannot be read: {error.strerror}", where=place) from None
    if place.folder is None or has_reftable:
        return _ask_server(git, place, branches)
    tips = read_tips(git, place.folder, branches)
    return RemoteHeads(False) if tips is None else RemoteHeads(True, tips)


@dataclass(frozen=True, slots=True)
class PushRefusal:
    """Why a push failed; a `temporary` reason may be gone at the next attempt.

    `taken` are branches that the server moved all the same: the first one of a new repository, or
    some though it was to move all or none.
    """

    reason: str
    temporary: bool = False
    taken: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """What came of a push; `refusal` None: the server took it.

    `is_settled` means that the server's whole report says so: who asked git only has its word.
    """

    refusal: PushRefusal | None = None
    is_settled: bool = False


def list_refs(git: Git, place: Place, patterns: Sequence[str]) -> Mapping[str, str] | None:
    """Ask for the refs that match full names or globs; None where no repository is yet."""
    return ask_for_refs(git, place, patterns)[0]


def ask_for_refs(
    git: Git, place: Place, patterns: Sequence[str], services: Sequence[str] = (_READING,)
) -> tuple[Mapping[str, str] | None, str]:
    """Ask for refs; return None, and what the server says, where no repository is yet.

    `services` are asked over HTTP, the first that may be.
    """
    result = _run_ls_remote(git, place, patterns, services)
    if result.code:
        if _MISSING.search(result.error):
            return None, "; ".join(dict.fromkeys(_SERVER_WORDS.findall(result.error)))
        other_error = DistgenError(f"cannot be reached: {explain(result)}", where=place)
        raise auth_error(git, place, result) or other_error
    # Not splitlines(): a ref's name may hold U+2028 and others, which end a line for Python.
    lines = result.output.decode("utf-8", "replace").split("\n")
    pairs = (line.partition("\t") for line in lines if line)
    return {ref: commit for commit, _, ref in pairs}, ""


def _run_ls_remote(
    git: Git, place: Place, patterns: Sequence[str], services: Sequence[str]
) -> GitResult:
    words = ("ls-remote", place.address, *patterns)
    if place.folder is not None:
        return run_with_retries(git, place, *words)

    def ask() -> GitResult:
        result = list_refs_over_http(git, place, patterns, services)
        return result or run_on_server(git, place, *words, folder=NO_REPOSITORY)

    return ask_with_retries(git, place, ask)


def no_repository(answer: str, doubt: str = "") -> str:
    """Say that there is no repository, and what the server said."""
    words = f" (the server says: {answer})" if answer else ""
    return f"there is no repository{doubt}{words}"


_PLAIN_REASONS = (
    (
        re.compile(r"'refs/heads/([^']+)' exists; cannot create 'refs/heads/([^']+)'"),
        r"its branch \1 is in the way of \2; rename it there, or give the stream another `branch`",
    ),
    (
        re.compile(r"does not support this repository's hash algorithm"),
        "it is a SHA-256 repository, and distgen writes SHA-1; make it anew with `git init --bare`",
    ),
    (
        re.compile(r"\(stale info\)"),
        "its branches moved while they were pushed to; run again",
    ),
)
"""What git says of a push, and how it is put plainly."""


def push(store: Store, place: Place, changes: Sequence[Change], head: str | None) -> PushAnswer:
    """Push the commits of all changes, or of none.

    `head` is the default branch of a repository that is new or is made here; None: the repository
    existed before.
    """
    if head is None:
        return _push_changes(store, place, place.address, changes)
    if place.folder is None:
        # A forge makes the first branch the default one. The repository is new, so no clone has
        # the state between the two pushes.
        first = [change for change in changes if change.branch == head]
        rest = [change for change in changes if change.branch != head]
        if not first:
            return _push_changes(store, place, place.address, rest)
        answer = _push_changes(store, place, place.address, first)
        if answer.refusal or not rest:
            return answer
        return _join_answers(answer, _push_changes(store, place, place.address, rest), first)
    try:
        with new_repository(store.git, place.folder, head) as folder:
            answer = _push_changes(store, place, str(folder), changes)
            if answer.refusal:
                raise DistgenError(answer.refusal.reason)
    except DistgenError as error:
        return PushAnswer(PushRefusal(str(error)))
    return answer


def _join_answers(first: PushAnswer, rest: PushAnswer, changes: Sequence[Change]) -> PushAnswer:
    """Return what came of two pushes, the first of which, of these changes, was taken."""
    taken = frozenset(change.branch for change in changes)
    refusal = replace(rest.refusal, taken=rest.refusal.taken | taken) if rest.refusal else None
    return PushAnswer(refusal, first.is_settled and rest.is_settled)


def refusal_reason(result: GitResult) -> str:
    """Return why a push was refused: the server's message for a branch, else git's."""
    reasons = []
    for line in clean_lines(result.output).splitlines():
        flag, _, rest = line.partition("\t")
        if flag == "!" and "atomic push fail" not in rest:
            reasons.append(rest.partition("\t")[2])
    remote_lines = [line for line in result.error.splitlines() if line.startswith("remote:")]
    messages = [line.removeprefix("remote:").strip() for line in remote_lines]
    messages = [line for line in messages if line and not _NOISE.match(line)]
    # git's long advice about a lock file is for a user with an editor.
    messages = list(takewhile(lambda line: not line.startswith("Another git process"), messages))
    text = "\n".join((*messages, *reasons, result.error))
    for pattern, sentence in _PLAIN_REASONS:
        if match := pattern.search(text):
            return match.expand(sentence)
    if unpacking := _UNPACKING.search(result.error):
        return f"the repository cannot be written: {unpacking[1]}"
    if reasons:
        return "; ".join(dict.fromkeys([*messages[:4], *reasons]))
    return explain(result)


def _push_changes(
    store: Store, place: Place, address: str, changes: Sequence[Change]
) -> PushAnswer:
    # An explicit lease names the tip that the plan saw. Each commit is its child, so nothing is
    # forced; without leases git's atomic push over HTTP dies instead of reporting.
    leases = (f"--force-with-lease={HEADS}{c.branch}:{c.parent or ''}" for c in changes)
    refs = (f"{change.commit}:{HEADS}{change.branch}" for change in changes)
    atomic = ("--atomic",) if len(changes) > 1 else ()
    receiver = () if place.folder is None else (f"--receive-pack={_receive_pack(store.git)}",)
    words = ("push", "--porcelain", "--no-verify", *atomic, *receiver, *leases, address, *refs)
    if place.folder is not None:
        result = run(store.git, *words, folder=store.folder, to_the_end=True)
    elif report := push_over_http(store, place, changes):
        if report.code == 0:
            return PushAnswer(is_settled=True)
        result = report
    else:
        result = run_on_server(store.git, place, *words, folder=store.folder, to_the_end=True)
    return PushAnswer(_refusal_of(store.git, place, result) if result.code else None)


def _refusal_of(git: Git, place: Place, result: GitResult) -> PushRefusal:
    if error := auth_error(git, place, result):
        return PushRefusal(str(error))
    # git's message sounds like a broken connection, and the push was once tried four times.
    if "does not support --atomic push" in result.error:
        return PushRefusal(f"{place}: {_NOT_ATOMIC}")
    prefix = f"{place}: " if _UNPACKING.search(result.error) else ""
    return PushRefusal(
        f"{prefix}{refusal_reason(result)}",
        is_temporary(result),
        frozenset(_taken_branches(result)),
    )


def _taken_branches(result: GitResult) -> Iterator[str]:
    for line in clean_lines(result.output).splitlines():
        if match := _TAKEN.match(line):
            yield match[1]


def _receive_pack(git: Git) -> str:
    """Return the program that writes into a local repository.

    A power cut undid what was called published: by default git leaves loose objects and refs to
    the cache of the system. The store stays as it is, for it can be fetched again.
    """
    parts = "loose-object,pack,pack-metadata,reference" if git.sync else "none"
    return f"git -c core.fsync={parts} -c core.fsyncMethod=batch receive-pack"


def _ask_server(git: Git, place: Place, branches: Sequence[str]) -> RemoteHeads:
    names = {f"{HEADS}{branch}": branch for branch in branches}
    # What the service of pushes says of itself is needed when it comes to a push.
    services = (_WRITING, _READING) if git.pushes else (_READING,)
    refs, answer = ask_for_refs(git, place, tuple(names), services)
    if refs is None:
        return RemoteHeads(False, answer=answer)
    return RemoteHeads(True, {names[ref]: commit for ref, commit in refs.items() if ref in names})
