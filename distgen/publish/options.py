"""What a run that publishes or proposes is asked to do, and where it does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from distgen.git.location import Place
from distgen.git.run import Git
from distgen.git.signing import Sign
from distgen.git.store import Store
from distgen.model.published import Provenance
from distgen.model.rendered import Tree
from distgen.publish.plan import BranchTarget, OnEdit


def _no_objection(tree: Tree) -> str:
    return ""


Observer = Callable[[str, Mapping[str, object]], None]
"""Hears of each step of a run, from any thread: its name, and what it is about."""


def ignore_step(step: str, about: Mapping[str, object]) -> None:
    """Tell nobody."""


def _no_creation(repository: Repository) -> Callable[[], None] | None:
    return None


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How to publish; `provenance` gets the author of each image's namespace.

    `objection` says why a tree that would be committed is wrong, "" when it is not; `refusal` says
    why a tree that may be right must not go there. `creation` returns what makes a repository that
    is missing on its server, None where that cannot be asked to. `observe` hears of each step, from
    any thread. `sign` signs commits.
    """

    provenance: Provenance
    on_edit: OnEdit = "refuse"
    jobs: int = 8
    independent: bool = False
    dirty: bool = False
    allow_dirty: bool = False
    objection: Callable[[Tree], str] = _no_objection
    refusal: Callable[[Tree], str] = _no_objection
    creation: Callable[[Repository], Callable[[], None] | None] = _no_creation
    fail_fast: bool = False
    observe: Observer = ignore_step
    sign: Sign | None = None


@dataclass(frozen=True, slots=True)
class Repository:
    """A dist-git repository and the branches of it that a run is about.

    `head` is the branch that it shows first when it is made, `author` who commits.
    """

    url: str
    place: Place
    targets: tuple[BranchTarget, ...]
    head: str
    forge: str
    author: str


@dataclass(frozen=True, slots=True)
class PublishContext:
    """What planning stands on: git, the store (None: only read where it lies), and options."""

    git: Git
    store: Store | None
    options: PublishOptions
