"""Turn images into the repositories they are published to, and open these for reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.cat_file import ObjectReader
from distgen.git.location import Place, locate
from distgen.git.remote import RemoteHeads, read_remote_heads
from distgen.git.run import Git
from distgen.git.store import Store, fetch_refs, has_commit
from distgen.model.catalogue import Catalogue, Image
from distgen.publish.target import BranchTarget, branch_target

_MOST_FETCHES = 3


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
    remote_only: bool = False


def list_repositories(
    catalogue: Catalogue, images: Sequence[Image], orphans: Sequence[BranchTarget] = ()
) -> tuple[Repository, ...]:
    """Return the repositories of images and orphans, in their order."""
    root = Path(catalogue.root)
    targets_by_place: dict[Place, list[BranchTarget]] = {}
    targets = [
        branch_target(image, catalogue.namespaces[image.namespace].on_edit) for image in images
    ]
    for target in (*targets, *orphans):
        targets_by_place.setdefault(locate(target.url, root), []).append(target)
    return tuple(
        _repository(catalogue, place, tuple(targets)) for place, targets in targets_by_place.items()
    )


def _repository(
    catalogue: Catalogue, place: Place, targets: tuple[BranchTarget, ...]
) -> Repository:
    # A namespace that left the catalogue is retired by whoever commits for the others.
    namespaces = catalogue.namespaces
    name = targets[0].image.partition("/")[0]
    namespace = namespaces.get(name) or namespaces[min(namespaces)]
    ranks = {stream.branch: rank for rank, stream in enumerate(namespace.streams)}
    first_target = min(targets, key=lambda target: ranks.get(target.branch, len(ranks)))
    return Repository(
        url=targets[0].url,
        place=place,
        targets=targets,
        head=first_target.branch,
        forge=namespace.dist_git.forge,
        author=namespace.dist_git.author,
        remote_only=namespace.dist_git.remote_only,
    )


@contextmanager
def open_reader(
    store: Store, place: Place, heads: RemoteHeads
) -> Iterator[tuple[ObjectReader | None, RemoteHeads]]:
    """Open the nearest thing that holds the tips: the store, the repository itself, or a fetch.

    Yield a reader, None where there are no tips, and the heads as they are when it is opened.
    """
    if not heads.tips:
        yield None, heads
    elif all(has_commit(store, tip) for tip in heads.tips.values()):
        yield store.reader, heads
    elif place.folder is not None:
        with ObjectReader(store.git, place.folder) as reader:
            yield reader, heads
    else:
        heads = fetch_tips(store, place, heads)
        yield store.reader, heads


@contextmanager
def open_local_reader(
    git: Git, place: Place, heads: RemoteHeads, store_reader: ObjectReader | None = None
) -> Iterator[tuple[ObjectReader | None, RemoteHeads]]:
    """Open a repository of this machine, without a store; yield what `open_reader` does.

    `store_reader` is of a store that may hold the tips, and that another run may delete.
    """
    if not heads.tips:
        yield None, heads
        return
    if store_reader is not None and _holds_all(store_reader, heads.tips.values()):
        yield store_reader, heads
        return
    with ObjectReader(git, Path(place.address)) as reader:
        yield reader, heads


def _holds_all(reader: ObjectReader, commits: Iterable[str]) -> bool:
    try:
        return all(reader.read(commit) is not None for commit in commits)
    except DistgenError:
        return False


def fetch_tips(store: Store, place: Place, heads: RemoteHeads) -> RemoteHeads:
    """Fetch the tips into the store; return the heads, asked again if they moved meanwhile."""
    for _ in range(_MOST_FETCHES):
        fetch_refs(store, place, tuple(heads.tips))
        if all(has_commit(store, tip) for tip in heads.tips.values()):
            return heads
        heads = read_remote_heads(store.git, place, tuple(heads.tips))
    raise DistgenError("moves while it is read", where=place, hint="try again")
