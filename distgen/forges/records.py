"""Records of reviews: who asks which repository of a forge, about what, and what came of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from distgen.errors import DistgenError
from distgen.forges.session import LONGEST_WAIT
from distgen.git.location import Place
from distgen.git.store import Store
from distgen.http import HttpPolicy

WITHDRAWAL_NOTE = "distgen has nothing left to propose here."
"""What distgen says when it closes a review; it recognises those that it closed by this."""
NOTHING_LEFT = "has nothing left to propose"
"""What is said of a review that distgen cannot close, so that a person has to."""
Refs = Mapping[str, str]
"""Commits by the full names of refs."""
ReviewState = Literal["open", "merged", "closed", "withdrawn", "unknown"]


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks a forge, and where; `api` "" is where the forge usually has it."""

    user: str = ""
    token: str = field(default="", repr=False)
    api: str = ""
    policy: HttpPolicy = field(default_factory=partial(HttpPolicy, longest_wait=LONGEST_WAIT))

    def hide(self, text: str) -> str:
        """Return a server's words without the token, which it may repeat."""
        basic = base64.b64encode(f"{self.user}:{self.token}".encode()).decode("ascii")
        for secret in (self.token, basic) if self.token else ():
            text = text.replace(secret, "***")
        return text


@dataclass(frozen=True, slots=True)
class ReviewContext:
    """One dist-git repository on its forge, and the store that commits are pushed from."""

    store: Store
    place: Place
    account: Account = Account()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RepositoryProfile:
    """What a repository that is made says of itself."""

    description: str = ""
    topics: tuple[str, ...] = ()
    private: bool = False


@dataclass(frozen=True, slots=True)
class ReviewSubject:
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
    """A review: `commit` is what it proposes, `ref` where that is or was.

    `state` is "closed" when a person turned it down, "withdrawn" when distgen did, "unknown" where
    the forge cannot be asked. `number` is the forge's own. Where the review's branch was deleted,
    `ref` is where the forge keeps what was proposed. A review is a `leftover` when it is based on
    a commit that the branch has moved on from, and another takes its place.
    """

    commit: str
    ref: str
    name: str
    url: str = ""
    state: ReviewState = "open"
    number: int = 0
    branch_deleted: bool = False
    leftover: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.url}".rstrip()


class ReviewMoved(DistgenError):
    """A review has changed since it was read, and has to be read again."""


@dataclass(frozen=True, slots=True)
class ReviewOutcome:
    """What happened to a review, in words."""

    status: Literal["created", "updated", "unchanged", "retired"]
    detail: str
