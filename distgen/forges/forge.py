"""How a change becomes a review on a forge: siblings of one shape, github, gerrit, gitlab, forgejo.

Each module has what `Forge` says. They differ in where a review lives (a branch, a ref that is
pushed to) and in what can be asked; which reviews there should be is none of their business.
"""

from __future__ import annotations

import base64
import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Protocol, cast
from urllib.parse import urlsplit

from distgen.errors import DistgenError
from distgen.forges.http import Patience
from distgen.forges.message import Proposal
from distgen.git.auth import unwelcome
from distgen.git.location import Place
from distgen.git.remote import listing, refusal
from distgen.git.retry import is_passing, reach, wait
from distgen.git.run import Outcome, explain, run
from distgen.git.store import Store
from distgen.model.published import Change

WITHDRAWN = "distgen has nothing left to propose here."
"""What distgen says when it closes a review, and knows its own doing by."""
LEFT = "has nothing left to propose"
"""What is said of a review that a person has to close, for distgen cannot."""
NAMES = ("github", "gerrit", "gitlab", "forgejo")
Refs = Mapping[str, str]
"""Commits by the full names of refs."""
State = Literal["open", "merged", "closed", "withdrawn", "unknown"]


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks a forge, and where; `api` "" is where the forge usually has it."""

    user: str = ""
    token: str = field(default="", repr=False)
    api: str = ""
    patience: Patience = field(default_factory=Patience)

    def hide(self, text: str) -> str:
        """Return a server's words without the token, which it may repeat."""
        basic = base64.b64encode(f"{self.user}:{self.token}".encode()).decode("ascii")
        for secret in (self.token, basic) if self.token else ():
            text = text.replace(secret, "***")
        return text


@dataclass(frozen=True, slots=True)
class Desk:
    """One dist-git repository on its forge, and the store that commits are pushed from."""

    store: Store
    place: Place
    account: Account = Account()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What a repository that is made says of itself."""

    description: str = ""
    topics: tuple[str, ...] = ()
    private: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What a review is about: one image in one stream, on top of one commit of one branch.

    `author` is who distgen's commits are by, for telling them from others'.
    """

    image: str
    stream: str
    branch: str
    base: str
    author: str


@dataclass(frozen=True, slots=True)
class Review:
    """A review as it stands: `commit` is what it proposes, `ref` where that is or was.

    `state` is "closed" when a person turned it down, "withdrawn" when distgen did, "unknown" where
    the forge cannot be asked. `number` is the forge's own. `gone` says that its branch was deleted;
    `ref` is then where the forge keeps what was proposed. A review is a `leftover` when it stands
    on a base that the branch has moved on from, and another takes its place.
    """

    commit: str
    ref: str
    name: str
    url: str = ""
    state: State = "open"
    number: int = 0
    gone: bool = False
    leftover: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.url}".rstrip()


class Moved(DistgenError):
    """A review is not as it was found: somebody was faster, and it has to be looked at again."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a review, in words."""

    status: Literal["created", "updated", "unchanged", "retired"]
    detail: str


class Forge(Protocol):
    """The shape of the siblings."""

    LIMIT: int
    """How many bytes the text of a review may have."""

    CREATES: bool
    """Whether repositories can be made."""

    def patterns(self, stream: str) -> Sequence[str]:
        """Return the refs at which reviews of a stream may be."""

    def dependence(self, desk: Desk, subject: Subject) -> str:
        """Return the line by which the message of a child's commit names this review, or ""."""

    def worded(self, desk: Desk, change: Change, footers: Sequence[str]) -> Change:
        """Return the change with the message that the forge needs."""

    def find(self, desk: Desk, subject: Subject, refs: Refs) -> Sequence[Review]:
        """Return the reviews of a subject that are not merged, whoever pushed to them last."""

    def submit(self, desk: Desk, change: Change, proposal: Proposal, review: Review | None) -> Told:
        """Open the review of a change, or bring the one there is up to date."""

    def withdraw(self, desk: Desk, review: Review) -> Told:
        """Close a review that has nothing left to propose."""

    def create(self, place: Place, account: Account, about: About) -> None:
        """Make a missing repository, where `CREATES` says that the forge can be asked to."""


def forge(name: str) -> Forge:
    """Return the sibling of that name, loaded now: their libraries must cost nobody else."""
    return cast(Forge, importlib.import_module(f"distgen.forges.{name}"))


def maker(name: str, place: Place, account: Account, about: About) -> Callable[[], None] | None:
    """Return what makes a missing repository; None where the forge cannot be asked to."""
    family = forge(name) if name in NAMES and place.folder is None and account.token else None
    return partial(family.create, place, account, about) if family and family.CREATES else None


# --- what siblings share -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Push:
    """One ref to push to: `commit` "" deletes it, `expected` None asks for no lease.

    `had` are words by which a server says that it has the commit already.
    """

    commit: str
    ref: str
    expected: str | None = None
    options: tuple[str, ...] = ()
    had: tuple[str, ...] = ()


def push(desk: Desk, what: Push) -> tuple[str, ...]:
    """Push to a ref that is no dist-git branch; return the server's words.

    The lease makes sure that only what was seen is replaced; raise Moved when it is something else
    now. A push that may succeed later is tried again.
    """
    git, attempt = desk.store.git, 0
    while True:
        done = _pushed(desk, what)
        stands = _stands(desk, what) if done.code else what.commit
        if stands == what.commit:  # or an answer was lost, or another run did it
            lines = (line.strip() for line in done.error.splitlines())
            return tuple(line[7:].strip() for line in lines if line.startswith("remote:"))
        why = refusal(done)
        if any(words in why for words in what.had):
            if attempt:  # the answer to the attempt before was lost
                return ()
            raise Moved(why, where=desk.place)
        if stands not in (None, what.expected):
            raise Moved(why, where=desk.place)
        attempt += 1
        again = is_passing(done) and attempt < git.retry.attempts
        if not again or not wait(git, attempt - 1, f"{desk.place}: {why}"):
            raise unwelcome(git, desk.place, done) or DistgenError(why, where=desk.place)


def _pushed(desk: Desk, what: Push) -> Outcome:
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


def _stands(desk: Desk, what: Push) -> str | None:
    """Return the commit at a ref that a push may have changed; None: nobody knows."""
    if what.expected is None:
        return None
    found = listing(desk.store.git, desk.place, (what.ref,))
    return None if found is None else found.get(what.ref, "")


def read(desk: Desk, refs: Refs) -> dict[str, bytes]:
    """Return the commits at refs, brought into the store; those that moved away are left out."""
    missing = [ref for ref, commit in refs.items() if desk.store.reader.read(commit) is None]
    if missing:
        done = reach(
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


def parents(commit: bytes) -> Sequence[str]:
    """Return the parents of a commit."""
    head = commit.partition(b"\n\n")[0].decode("utf-8", "replace")
    return [line[7:] for line in head.split("\n") if line.startswith("parent ")]


def is_merged(desk: Desk, commit: str, base: str) -> bool:
    """Say whether the branch holds a commit already; both are in the store."""
    words = ("merge-base", "--is-ancestor", commit, base)
    return run(desk.store.git, *words, folder=desk.store.folder).code == 0


def linked(said: Sequence[str], path: str) -> str:
    """Return the web address of a review in a server's words: the first that has such a path.

    Servers also speak of other things, with addresses of their own.
    """
    words = (word for line in said for word in line.split())
    found = (word for word in words if word.startswith(("https://", "http://")))
    return next((word for word in found if re.search(path, urlsplit(word).path)), "")


def project(place: Place) -> str:
    """Return the path of a repository on its server, without `.git`."""
    path = urlsplit(place.address).path if "://" in place.address else place.address
    if place.folder is None and "://" not in place.address:
        path = place.address.partition(":")[2]
    return path.strip("/").removesuffix(".git")


def host(place: Place) -> str:
    """Return the name of the server a place is on, "" for this machine."""
    if place.folder is not None:
        return ""
    if "://" in place.address:
        return urlsplit(place.address).hostname or ""
    return place.address.partition(":")[0].rpartition("@")[2]
