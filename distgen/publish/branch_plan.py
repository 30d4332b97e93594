"""Plan the change of one branch that is not as it should be, or may not be, by what is on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from distgen.errors import DistgenError, InputError
from distgen.git.cat_file import ObjectReader
from distgen.git.objects import blob_id, tree_id
from distgen.git.trees import root_tree
from distgen.model.published import Change, Provenance, TreeEntry
from distgen.model.rendered import Tree
from distgen.model.words import COMMIT_STATUSES
from distgen.publish.branch import read_branch
from distgen.publish.merge_file import three_way_merge
from distgen.publish.older import refuse_older
from distgen.publish.options import PublishOptions
from distgen.publish.plan import plan_change, plan_retirement
from distgen.publish.restamp import RESTAMP_NOTE, plan_restamp
from distgen.publish.results import failed_change, without_commit
from distgen.publish.source import can_restamp
from distgen.publish.target import BranchTarget
from distgen.render.manifest import published_files, with_other_folding


def plan_branch(
    options: PublishOptions,
    target: BranchTarget,
    desired: Tree | DistgenError | None,
    tip: str | None,
    access: tuple[ObjectReader | None, Provenance],
) -> Change:
    """Return what is to become of a branch, which is at `tip`; None: it does not exist."""
    reader, origin = access
    if isinstance(desired, DistgenError):
        return replace(failed_change(target, str(desired)), exit_code=desired.exit_code)
    ids = _note_tree_ids(options, target, desired) if desired else ()
    if tip is None or reader is None:
        if desired is None:
            return failed_change(target, "there is no such branch", "unchanged")
        change = plan_change(target, desired, None, origin, options.on_edit)
        return _check_tree(options, change, desired)
    if desired is None:
        state = read_branch(reader, tip, {}, target.key)
        change = plan_retirement(target, state, origin, options.on_edit)
        return _check_age(options, change, reader)
    if root_tree(reader, tip) in ids:
        change = replace(failed_change(target, "", "unchanged"), parent=tip, commit=tip)
    else:
        files = {file.path: file for file in published_files(desired)}
        state = read_branch(reader, tip, files, target.key)
        merge = three_way_merge(reader.git)
        change = plan_change(target, desired, state, origin, options.on_edit, merge)
    if can_restamp(change, reader, origin):
        change = _restamp(options, target, desired, change, (reader, origin))
    return _check_tree(options, _check_age(options, change, reader), desired)


def _note_tree_ids(options: PublishOptions, target: BranchTarget, tree: Tree) -> tuple[str, ...]:
    """Return the ids of a tree, and keep them for the next run."""
    ids = tuple(_tree_ids(tree))
    if options.tree_ids is not None:
        options.tree_ids.note(target.key, ids)
    return ids


def _tree_ids(tree: Tree) -> Iterator[str]:
    """Yield the ids of git's tree for what a branch is to hold, however a forge folds that."""
    blob = cache(blob_id)
    for folded_tree in (tree, with_other_folding(tree)):
        files = published_files(folded_tree)
        yield tree_id({file.path: TreeEntry(file.mode, blob(file.content)) for file in files})


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
