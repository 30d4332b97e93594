"""Plan the changes of all branches of one repository, by what is on them now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial

from distgen.errors import DistgenError, InputError
from distgen.git.auth import sends_token
from distgen.git.cat_file import ObjectReader
from distgen.git.remote import RemoteHeads, no_repository, read_remote_heads
from distgen.git.store import reset_if_damaged
from distgen.git.trees import root_tree
from distgen.model.catalogue import Image
from distgen.model.published import Change
from distgen.model.rendered import Tree
from distgen.model.words import COMMIT_STATUSES, Status
from distgen.publish.options import (
    CreateRepository,
    LocalContext,
    PlanContext,
    PublishOptions,
)
from distgen.publish.repository_access import Repository, open_local_reader, open_reader
from distgen.publish.results import failed_change
from distgen.publish.source import can_restamp
from distgen.publish.target import BranchTarget
from distgen.publish.tree_ids import TreeIds, UnrenderedTree
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
            if not can_restamp(change, reader, origin):
                return change
        desired = desired.render()
    # Most runs find each branch as it should be, and need nothing of what plans a commit.
    from distgen.publish.branch_plan import plan_branch

    return plan_branch(options, target, desired, tip, (reader, origin))


def _sign(options: PublishOptions, change: Change) -> Change:
    """Return the change with a signature, when it becomes a commit and commits are to have one."""
    if options.sign is None or change.status not in COMMIT_STATUSES:
        return change
    from distgen.git.commits import sign_change

    return sign_change(change, options.sign)


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
