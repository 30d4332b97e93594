"""What a run that publishes or proposes is asked to do, and where it does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from distgen.backoff import ignore
from distgen.git.cat_file import ObjectReader
from distgen.git.location import creation_hint
from distgen.git.run import Git
from distgen.git.signing import Sign
from distgen.git.store import Store
from distgen.model.published import Provenance
from distgen.model.rendered import Tree
from distgen.model.words import OnEdit
from distgen.publish.events import Observer, ignore_step
from distgen.publish.older import Contains
from distgen.publish.repository_access import Repository
from distgen.publish.shard import Shard
from distgen.publish.tree_ids import TreeIds

CreateRepository = Callable[[], None]


@dataclass(frozen=True, slots=True)
class RepositoryCreation:
    """How a repository that is missing on its server is made.

    `hint` is the command for a person, `create` does it at once; None where only a person can.
    """

    hint: str
    create: CreateRepository | None = None


def contains_all(commit: str, seconds: int) -> bool:
    """Say of every commit that the catalogue's history has it."""
    return True


def _accept_tree(tree: Tree) -> str:
    return ""


def _create_by_hand(repository: Repository) -> RepositoryCreation:
    return RepositoryCreation(creation_hint(repository.place))


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How to publish; `provenance` gets the author of each image's namespace.

    `dirty` names what is not in the commit of the catalogue that commits will name.
    `on_edit` None: as the catalogue says. `objection` says why a tree that would be committed is
    wrong, "" when it is not; `refusal` says why a tree that may be right must not go there.
    `creation` returns how a repository is made that is missing on its server. `observe` is called
    at each step, by any thread. `sign` signs commits. `contains` says which commits the catalogue's
    history has: a branch that was published from another one is refused. `restamp` names the
    catalogue's commit where the same files were published from none. `shard` says which of the
    repositories are this run's, and `tell` hears what it waits for.
    """

    provenance: Provenance
    on_edit: OnEdit | None = None
    jobs: int = 8
    independent: bool = False
    dirty: tuple[str, ...] = ()
    allow_dirty: bool = False
    remote_only: bool = False
    restamp: bool = False
    objection: Callable[[Tree], str] = _accept_tree
    refusal: Callable[[Tree], str] = _accept_tree
    creation: Callable[[Repository], RepositoryCreation] = _create_by_hand
    fail_fast: bool = False
    observe: Observer = ignore_step
    sign: Sign | None = None
    contains: Contains = contains_all
    shard: Shard | None = None
    tell: Callable[[str], None] = ignore
    tree_ids: TreeIds | None = None

    def owns(self, url: str) -> bool:
        """Tell whether a repository is published by this run."""
        return self.shard is None or self.shard.owns(url)


@dataclass(frozen=True, slots=True)
class LocalContext:
    """What plans are made with where all repositories are on this machine, and read in place.

    `reader` is of the store of other runs: what it holds needs no process for each repository.
    """

    git: Git
    options: PublishOptions
    reader: ObjectReader | None = None


@dataclass(frozen=True, slots=True)
class PublishContext:
    """What plans are made with, and commits pushed from: the store holds what servers have."""

    store: Store
    options: PublishOptions

    @property
    def git(self) -> Git:
        return self.store.git


PlanContext = LocalContext | PublishContext
