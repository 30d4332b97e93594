"""Plan the changes of all branches of one repository, by what is on them now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache, partial

from distgen.errors import DistgenError, InputError
from distgen.git.auth import sends_token
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import sign_change
from distgen.git.objects import blob_id, tree_id
from distgen.git.remote import RemoteHeads, no_repository, read_remote_heads
from distgen.git.store import reset_if_damaged
from distgen.model.catalogue import Image
from distgen.model.published import Change, Provenance, TreeEntry
from distgen.model.rendered import Tree
from distgen.model.words import COMMIT_STATUSES, Status, is_committed
from distgen.publish.branch import read_branch, root_tree
from distgen.publish.merge_file import three_way_merge
from distgen.publish.older import refuse_older
from distgen.publish.options import (
    CreateRepository,
    LocalContext,
    PlanContext,
    PublishOptions,
)
from distgen.publish.plan import plan_change, plan_retirement
from distgen.publish.repository_access import Repository, open_local_reader, open_reader
from distgen.publish.restamp import RESTAMP_NOTE, plan_restamp
from distgen.publish.results import failed_change, without_commit
from distgen.publish.source import last_publication, source_of
from distgen.publish.target import BranchTarget
from distgen.publish.tree_ids import TreeIds, UnrenderedTree
from distgen.render.manifest import published_files, with_other_folding
from distgen.text.listing import name_some

RenderTree = Callable[[Image], Tree]
DesiredTree = Tree | UnrenderedTree | DistgenError | None
"""What a branch is to hold: a tree, nothing (it is retired), or why it cannot be rendered."""


@dataclass(frozen=True, slots=True)
class RepositoryPlan:
    """The heads of a repository, and the changes that are planned on top of them."""

    heads: RemoteHeads
    changes: tuple[Change, ...]


def desired_tree(
    image: Image | None, render: RenderTree, tree_ids: TreeIds | None = None
) -> DesiredTree:
    """Return what the branch of an image is to hold; None: the image left the catalogue.

    A tree of which the ids are known is rendered when the branch does not hold it.
    """
    if image is None:
        return None
    ids = tree_ids.get(image.key) if tree_ids else None
    if ids is not None:
        return UnrenderedTree(ids, partial(_render, image, render))
    return _render(image, render)


def _render(image: Image, render: RenderTree) -> Tree | DistgenError:
    try:
        return render(image)
    except DistgenError as error:
        return error


def refuse_dirty_catalogue(options: PublishOptions, repositories: Iterable[Repository]) -> None:
    """Refuse to publish uncommitted changes to a server, unless the options allow it."""
    if not options.dirty or options.allow_dirty:
        return
    for repository in repositories:
        if repository.place.folder is None:
            raise InputError(
                f"the catalogue has changes that are not committed ({name_some(options.dirty)}), "
                f"and {repository.place} is not on this machine",
                hint="commit them, or use --allow-dirty",
            )


def refuse_local_targets(options: PublishOptions, repositories: Iterable[Repository]) -> None:
    """Refuse to publish to folders on this machine, where that is not wanted."""
    # A job with a relative address published into its own temporary clone, and ended well.
    for repository in repositories:
        if repository.place.folder is not None and (options.remote_only or repository.remote_only):
            raise InputError(
                f"{repository.place} is a folder on this machine, and only servers are allowed",
                hint="set dist_git.url to the address of a server",
            )


def plan_repository(
    context: PlanContext,
    repository: Repository,
    desired_trees: Mapping[str, DesiredTree],
    wait_for_heads: Callable[[], RemoteHeads] | None = None,
) -> RepositoryPlan:
    """Plan all branches of a repository; what cannot be planned is a change that `failed`."""
    branches = [target.branch for target in repository.targets]
    try:
        _refuse_shared_branches(repository)
        if wait_for_heads:
            heads = wait_for_heads()
        else:
            heads = read_remote_heads(context.git, repository.place, branches)
        if not heads.exists and repository.place.folder is None:
            repository_creator(context, repository, heads.answer)
        return _retry_if_store_is_damaged(
            context, lambda context: _plan_branches(context, repository, desired_trees, heads)
        )
    except DistgenError as error:
        # An interrupted run stops git in the middle: that is not the repository's fault.
        status: Status = "skipped" if context.git.stop.is_set() else "failed"
        failures = (failed_change(target, str(error), status) for target in repository.targets)
        return RepositoryPlan(RemoteHeads(True), tuple(failures))


def _retry_if_store_is_damaged(
    context: PlanContext, plan: Callable[[PlanContext], RepositoryPlan]
) -> RepositoryPlan:
    """Plan; begin the store again, and plan once more, when it turns out to be damaged.

    A store that is only looked into is left as it is, and what it holds is read elsewhere.
    """
    reader = context.reader if isinstance(context, LocalContext) else context.store.reader
    close_count = reader.close_count if reader else 0
    try:
        return plan(context)
    except DistgenError as error:
        if reader is None or error.where != reader.folder or context.git.stop.is_set():
            raise
    if isinstance(context, LocalContext):
        return plan(replace(context, reader=None))
    reset_if_damaged(context.store, close_count)
    return plan(context)


def _plan_branches(
    context: PlanContext,
    repository: Repository,
    desired_trees: Mapping[str, DesiredTree],
    heads: RemoteHeads,
) -> RepositoryPlan:
    with _open(context, repository, heads) as access:
        changes = tuple(
            _plan_branch(context.options, repository, target, desired_trees[target.key], access)
            for target in repository.targets
        )
        return RepositoryPlan(
            access[1], tuple(_sign(context.options, change) for change in changes)
        )


def _open(
    context: PlanContext, repository: Repository, heads: RemoteHeads
) -> AbstractContextManager[tuple[ObjectReader | None, RemoteHeads]]:
    if isinstance(context, LocalContext):
        return open_local_reader(context.git, repository.place, heads, context.reader)
    return open_reader(context.store, repository.place, heads)


def _plan_branch(
    options: PublishOptions,
    repository: Repository,
    target: BranchTarget,
    desired: DesiredTree,
    access: tuple[ObjectReader | None, RemoteHeads],
) -> Change:
    reader, heads = access
    tip = heads.tips.get(target.branch)
    origin = replace(options.provenance, author=repository.author)
    if isinstance(desired, UnrenderedTree):
        if tip is not None and reader is not None and root_tree(reader, tip) in desired.ids:
            change = replace(failed_change(target, "", "unchanged"), parent=tip, commit=tip)
            if not _can_restamp(change, reader, origin):
                return change
        desired = desired.render()
    if isinstance(desired, DistgenError):
        return replace(failed_change(target, str(desired)), exit_code=desired.exit_code)
    if tip is None or reader is None:
        if desired is None:
            return failed_change(target, "there is no such branch", "unchanged")
        change = plan_change(target, desired, None, origin, options.on_edit)
        return _check_tree(options, change, desired)
    if desired is None:
        state = read_branch(reader, tip, {}, target.key)
        change = plan_retirement(target, state, origin, options.on_edit)
        return _check_age(options, change, reader)
    ids = tuple(_tree_ids(desired))
    if options.tree_ids is not None:
        options.tree_ids.note(target.key, ids)
    if root_tree(reader, tip) in ids:
        change = replace(failed_change(target, "", "unchanged"), parent=tip, commit=tip)
    else:
        files = {file.path: file for file in published_files(desired)}
        state = read_branch(reader, tip, files, target.key)
        merge = three_way_merge(reader.git)
        change = plan_change(target, desired, state, origin, options.on_edit, merge)
    if _can_restamp(change, reader, origin):
        change = _restamp(options, target, desired, change, (reader, origin))
    return _check_tree(options, _check_age(options, change, reader), desired)


def _tree_ids(tree: Tree) -> Iterator[str]:
    """Yield the ids of git's tree for what a branch is to hold, however a forge folds that."""
    blob = cache(blob_id)
    for folded_tree in (tree, with_other_folding(tree)):
        files = published_files(folded_tree)
        yield tree_id({file.path: TreeEntry(file.mode, blob(file.content)) for file in files})


def _can_restamp(change: Change, reader: ObjectReader, origin: Provenance) -> bool:
    """Say whether a branch came from uncommitted files that the present commit gives as well."""
    if change.status != "unchanged" or not is_committed(origin.source):
        return False
    source = source_of(last_publication(reader, change))
    return bool(source) and not is_committed(source)


def _restamp(
    options: PublishOptions,
    target: BranchTarget,
    tree: Tree,
    change: Change,
    access: tuple[ObjectReader, Provenance],
) -> Change:
    """Return the change that names the commit of the catalogue, or say how that is asked for."""
    reader, origin = access
    if not options.restamp:
        detail = "; ".join(filter(None, (RESTAMP_NOTE, change.detail)))
        return replace(change, detail=detail, can_restamp=True)
    if change.edits:
        reason = f"{change.detail}; adopt them first, for the commit does not give them"
        return without_commit(change, "refused", reason)
    return plan_restamp(target, tree, change, root_tree(reader, change.parent or ""), origin)


def _sign(options: PublishOptions, change: Change) -> Change:
    """Return the change with a signature, when it becomes a commit and commits are to have one."""
    if options.sign is None or change.status not in COMMIT_STATUSES:
        return change
    return sign_change(change, options.sign)


def _check_age(options: PublishOptions, change: Change, reader: ObjectReader) -> Change:
    """Return the change, refused when its branch was published from a newer catalogue."""
    if change.status not in COMMIT_STATUSES:
        return change
    refusal = refuse_older(reader, change, options.contains)
    return without_commit(change, "refused", refusal) if refusal else change


def _check_tree(options: PublishOptions, change: Change, tree: Tree) -> Change:
    """Return the change, failed when its tree must not be published; old trees are not judged."""
    if change.status not in ("created", "updated") or change.takes_over:
        return change
    if refusal := options.refusal(tree):
        return without_commit(change, "refused", refusal)
    try:
        objection = options.objection(tree)
    except InputError as error:  # an ancestor cannot be rendered, which other branches do not need
        return replace(without_commit(change, "failed", str(error)), exit_code=error.exit_code)
    return without_commit(change, "failed", objection) if objection else change


def repository_creator(
    context: PlanContext, repository: Repository, answer: str = ""
) -> CreateRepository:
    """Return what makes a repository that is missing on its server; raise when nothing does.

    `answer` is what the server said when it was asked for the repository.
    """
    creation = context.options.creation(repository)
    if creation.create is None:
        place = repository.place
        hidden = (
            ", or it is not shown to the token" if sends_token(context.git, place.address) else ""
        )
        hint = f"create it with: {creation.hint}"
        raise DistgenError(no_repository(answer, hidden), where=place, hint=hint)
    return creation.create


def _refuse_shared_branches(repository: Repository) -> None:
    keys_by_branch: dict[str, str] = {}
    for target in repository.targets:
        previous_key = keys_by_branch.setdefault(target.branch, target.key)
        if previous_key != target.key:
            raise DistgenError(
                f"{previous_key} and {target.key} are both published to branch {target.branch}",
                where=repository.place,
                hint="give each stream its own branch and each image its own repository",
            )
