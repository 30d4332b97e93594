"""Turn images into the repositories they are published to, and each repository into its changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.auth import sends_token
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import sign_change
from distgen.git.location import Place, creation_hint, locate
from distgen.git.objects import blob_id, tree_id
from distgen.git.remote import RemoteHeads, read_remote_heads
from distgen.git.run import Git, hide_secrets
from distgen.git.store import Store, fetch_refs, has_commit, reset_if_damaged
from distgen.model.catalogue import Catalogue, Image
from distgen.model.published import Change, Result, TreeEntry
from distgen.model.rendered import Tree
from distgen.model.words import Status
from distgen.publish.branch import read_branch, root_tree
from distgen.publish.merge_file import three_way_merge
from distgen.publish.options import PublishContext, PublishOptions, Repository
from distgen.publish.plan import BranchTarget, branch_target, plan_change, plan_retirement
from distgen.render.manifest import generated

_MOVING = 3


RepositoryPlan = tuple[RemoteHeads, tuple[Change, ...]]
DesiredTree = Tree | DistgenError | None
"""What a branch is to hold: a tree, nothing (it is retired), or why nobody knows."""


def list_repositories(
    catalogue: Catalogue, images: Sequence[Image], retired: Sequence[BranchTarget] = ()
) -> tuple[Repository, ...]:
    """Return the repositories of the images, in the order of the images."""
    root = Path(catalogue.root)
    by_place: dict[Place, list[BranchTarget]] = {}
    for found in (*map(branch_target, images), *retired):
        by_place.setdefault(locate(found.url, root), []).append(found)
    return tuple(
        _repository(catalogue, place, tuple(targets)) for place, targets in by_place.items()
    )


def plan_repository(
    ground: PublishContext,
    repository: Repository,
    wanted: Mapping[str, DesiredTree],
    known: Callable[[], RemoteHeads] | None = None,
) -> RepositoryPlan:
    """Plan all branches of a repository; what cannot be planned is a change that `failed`."""
    branches = [found.branch for found in repository.targets]
    try:
        _refuse_shared_branches(repository)
        stands = known() if known else read_remote_heads(ground.git, repository.place, branches)
        if not stands.exists and repository.place.folder is None:
            repository_creator(ground, repository)
        return _mended(ground, lambda: _changes(ground, repository, wanted, stands))
    except DistgenError as error:
        status: Status = "skipped" if ground.git.stop.is_set() else "failed"
        return RemoteHeads(True), tuple(
            failed_change(found, str(error), status) for found in repository.targets
        )


def _mended(ground: PublishContext, plan_all: Callable[[], RepositoryPlan]) -> RepositoryPlan:
    """Plan; begin the store again, and plan once more, when it turns out to be damaged."""
    store = ground.store
    seen = store.reader.closings if store else 0
    try:
        return plan_all()
    except DistgenError as error:
        if store is None or error.where != store.folder or ground.git.stop.is_set():
            raise
        reset_if_damaged(store, seen)
        return plan_all()


def _changes(
    ground: PublishContext,
    repository: Repository,
    wanted: Mapping[str, DesiredTree],
    stands: RemoteHeads,
) -> RepositoryPlan:
    with open_reader(ground.git, ground.store, repository.place, stands) as seen:
        return seen[1], tuple(
            _signed(
                ground.options,
                _change(ground.options, repository, found, wanted[found.key], seen),
            )
            for found in repository.targets
        )


def repository_creator(ground: PublishContext, repository: Repository) -> Callable[[], None]:
    """Return what makes a repository that is missing on its server; raise when nothing does."""
    maker = ground.options.creation(repository)
    if maker is None:
        place = repository.place
        hidden = (
            ", or it is not shown to the token" if sends_token(ground.git, place.address) else ""
        )
        hint = f"create it with: {creation_hint(place, repository.forge)}"
        if repository.forge == "github":
            hint += ", or name a token that may: dist_git.token_env"
        raise DistgenError(f"there is no repository{hidden}", where=place, hint=hint)
    return maker


def failed_change(found: BranchTarget, why: str, status: Status = "failed") -> Change:
    """Return the change that says why there is none."""
    where = (found.image, found.stream, found.url, found.branch)
    return Change(*where, status, None, detail=hide_secrets(why))


def to_result(change: Change) -> Result:
    """Return what a change comes to."""
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
    )


def _repository(
    catalogue: Catalogue, place: Place, targets: tuple[BranchTarget, ...]
) -> Repository:
    # A namespace that left the catalogue is retired by whoever commits for the others.
    spaces = catalogue.namespaces
    namespace = spaces.get(targets[0].image.partition("/")[0]) or spaces[min(spaces)]
    rank = {stream.branch: number for number, stream in enumerate(namespace.streams)}
    first = min(targets, key=lambda found: rank.get(found.branch, len(rank)))
    return Repository(
        url=targets[0].url,
        place=place,
        targets=targets,
        head=first.branch,
        forge=namespace.dist_git.forge,
        author=namespace.dist_git.author,
    )


def _refuse_shared_branches(repository: Repository) -> None:
    seen: dict[str, str] = {}
    for found in repository.targets:
        other = seen.setdefault(found.branch, found.key)
        if other != found.key:
            raise DistgenError(
                f"{other} and {found.key} are both published to branch {found.branch}",
                where=repository.place,
                hint="give each stream its own branch and each image its own repository",
            )


@contextmanager
def open_reader(
    git: Git, store: Store | None, place: Place, stands: RemoteHeads
) -> Iterator[tuple[ObjectReader | None, RemoteHeads]]:
    """Open the nearest thing that holds the tips: the store, the repository itself, or a fetch."""
    if not stands.tips:
        yield None, stands
    elif store and all(has_commit(store, tip) for tip in stands.tips.values()):
        yield store.reader, stands
    elif place.folder is not None:
        with ObjectReader(git, place.folder) as reader:
            yield reader, stands
    else:
        assert store is not None, "a server can only be read through a store"
        stands = fetch_tips(git, store, place, stands)
        yield store.reader, stands


def fetch_tips(git: Git, store: Store, place: Place, stands: RemoteHeads) -> RemoteHeads:
    """Fetch the tips into the store; return where they stand if they moved meanwhile."""
    for _ in range(_MOVING):
        fetch_refs(store, place, tuple(stands.tips))
        if all(has_commit(store, tip) for tip in stands.tips.values()):
            return stands
        stands = read_remote_heads(git, place, tuple(stands.tips))
    raise DistgenError("moves while it is read", where=place, hint="try again")


def _change(
    options: PublishOptions,
    repository: Repository,
    found: BranchTarget,
    wanted: DesiredTree,
    seen: tuple[ObjectReader | None, RemoteHeads],
) -> Change:
    reader, stands = seen
    if isinstance(wanted, DistgenError):
        return replace(failed_change(found, str(wanted)), exit_code=wanted.exit_code)
    origin = replace(options.provenance, author=repository.author)
    tip = stands.tips.get(found.branch)
    if tip is None or reader is None:
        if wanted is None:
            return failed_change(found, "there is no such branch", "unchanged")
        return _allowed(options, plan_change(found, wanted, None, origin, options.on_edit), wanted)
    if wanted is None:
        return plan_retirement(found, read_branch(reader, tip, {}), origin, options.on_edit)
    files = {file.path: file for file in generated(wanted)}
    entries = {file.path: TreeEntry(file.mode, blob_id(file.content)) for file in files.values()}
    if root_tree(reader, tip) == tree_id(entries):
        stood = failed_change(found, "", "unchanged")
        return replace(stood, parent=tip, commit=tip)
    there = read_branch(reader, tip, files)
    change = plan_change(found, wanted, there, origin, options.on_edit, three_way_merge(reader.git))
    return _allowed(options, change, wanted)


def _signed(options: PublishOptions, change: Change) -> Change:
    """Return the change with a signature, when it becomes a commit and commits are to have one."""
    if options.sign is None or change.status not in ("created", "updated", "retired"):
        return change
    return sign_change(change, options.sign)


def _allowed(options: PublishOptions, change: Change, tree: Tree) -> Change:
    """Return the change, failed when its tree must not be published; what stands is not judged."""
    if change.status not in ("created", "updated"):
        return change
    refusal = options.refusal(tree)
    why = refusal or options.objection(tree)
    if not why:
        return change
    status: Status = "refused" if refusal else "failed"
    return replace(change, status=status, commit=change.parent, detail=why)
