"""Turn a tree and the state of its branch into a change with its commit, downstream edits kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from distgen.git.objects import blob_id, tree_id
from distgen.model.published import BranchState, Change, Edit, Provenance, Statement, TreeEntry
from distgen.model.rendered import File, Tree
from distgen.model.words import ATTRIBUTES, MANIFEST, EditPolicy, OnEdit, Status
from distgen.publish.commit import format_message, with_commit_id
from distgen.publish.edit_messages import (
    RESOLVE_HINT,
    conflict_sentence,
    edit_lines,
    edit_sentence,
    manifest_sentence,
)
from distgen.publish.edits import (
    Merge,
    PathStep,
    choose,
    decide_steps,
    mark_collisions,
    step_for_unrendered,
)
from distgen.publish.foreign_files import leave_foreign_files
from distgen.publish.retirement import (
    RETIRED,
    is_untouched_note,
    parse_retirement_note,
    retirement_note,
)
from distgen.publish.summary import Summary, summarize, summarize_first
from distgen.publish.target import BranchTarget
from distgen.render.manifest import (
    format_manifest,
    make_attributes,
    make_manifest,
    parse_manifest,
    published_files,
    with_other_folding,
)
from distgen.text.diff import diff_file, is_binary


def no_merge(base: bytes, current: bytes, new: bytes) -> None:
    """Merge nothing: every change that meets an edit of the same file conflicts."""


def plan_change(
    target: BranchTarget,
    tree: Tree,
    state: BranchState | None,
    origin: Provenance,
    on_edit: OnEdit | None,
    merge: Merge = no_merge,
) -> Change:
    """Return what publishing `tree` would do; `state` None: the branch does not exist.

    `on_edit` None: the catalogue says how to treat edits. `merge` is asked for files that changed
    on both sides, where they are to be merged.
    """
    note = ""
    if state is not None:
        tree, note = leave_foreign_files(tree, state, _edit_policy(target, on_edit))
    change = _plan_folded(target, tree, state, origin, on_edit, merge)
    return replace(change, detail="; ".join(filter(None, (change.detail, note))))


def _plan_folded(
    target: BranchTarget,
    tree: Tree,
    state: BranchState | None,
    origin: Provenance,
    on_edit: OnEdit | None,
    merge: Merge,
) -> Change:
    """Return what publishing a tree would do, whichever files a forge folds."""
    change = _plan_tree(target, tree, state, origin, on_edit, merge)
    if state is None or change.status == "unchanged" or not _has_other_folding(state, tree):
        return change
    # That a forge folds other files now is no reason for a commit, nor for a conflict.
    refolded = _plan_tree(target, with_other_folding(tree), state, origin, on_edit, merge)
    is_better = change.status == "refused" and refolded.status != "refused"
    return refolded if refolded.status == "unchanged" or is_better else change


def _has_other_folding(state: BranchState, tree: Tree) -> bool:
    """Say whether a branch was published when the namespace folded other files in reviews."""
    last = state.manifest.files.get(ATTRIBUTES) if state.manifest else None
    folding = with_other_folding(tree).folding
    return last is not None and last.sha256 == make_attributes(tree.files, folding).sha256


def _plan_tree(
    target: BranchTarget,
    tree: Tree,
    state: BranchState | None,
    origin: Provenance,
    on_edit: OnEdit | None,
    merge: Merge,
) -> Change:
    """Return what publishing a tree would do, as its namespace folds it."""
    policy = _edit_policy(target, on_edit)
    files = {file.path: file for file in published_files(tree)}
    if state is None:
        manifest = make_manifest(tree, files.values())
        summary = summarize_first(target.image, target.stream, manifest)
        message = format_message(target, summary, tree, origin)
        change = _new_change(target, "created", write=files.values())
        change = replace(change, statements=summary.statements)
        return _with_commit(change, {}, origin, message)
    change = _plan_files(target, files, state, policy, merge)
    if change.status != "updated":
        return change
    manifest = make_manifest(tree, files.values())
    before, after = _changed_contents(change, state)
    summary = summarize(target.image, state.manifest, manifest, before, after)
    lines = filter(None, (manifest_sentence(state), *edit_lines(change.edits, policy)))
    message = format_message(target, summary, tree, origin, lines)
    change = replace(
        change,
        before=before,
        before_modes=_modes(before, state),
        statements=summary.statements,
    )
    return _with_commit(change, state.entries, origin, message)


def plan_retirement(
    target: BranchTarget, state: BranchState, origin: Provenance, on_edit: OnEdit | None
) -> Change:
    """Return what takes an image that left the catalogue off its branch; others' files stay."""
    if state.manifest is None and not state.problem:
        return _new_change(target, "unchanged", state, detail="distgen owns nothing here")
    policy = _edit_policy(target, on_edit)
    change = _plan_files(target, {RETIRED: retirement_note(target)}, state, policy)
    if change.status != "updated":
        return change
    lines = (target.reason,) if target.reason else ()
    retired = Statement("files", f"stream {target.stream} retired", lines)
    summary = Summary(f"{target.image}: {retired.phrase}", (retired,))
    tree = Tree(target.image, target.stream, ())
    message = format_message(target, summary, tree, origin, edit_lines(change.edits, policy))
    change = replace(change, status="retired", statements=summary.statements)
    return _with_commit(change, state.entries, origin, message)


def _edit_policy(target: BranchTarget, on_edit: OnEdit | None) -> EditPolicy:
    return target.on_edit if on_edit is None else (("*", on_edit),)


def _plan_files(
    target: BranchTarget,
    new: Mapping[str, File],
    state: BranchState,
    policy: EditPolicy,
    merge: Merge = no_merge,
) -> Change:
    """Return a change that writes the new files and deletes the old, without a commit yet."""
    trouble = _branch_trouble(target, state)
    if trouble and choose(policy, MANIFEST) != "overwrite":
        return _new_change(target, "refused", state, detail=f"{trouble}; {RESOLVE_HINT}")
    file_steps = tuple(decide_steps(new, state, policy, merge))
    new = _with_merge_bases(new, file_steps, state)
    steps = mark_collisions((*file_steps, *_special_steps(new, state, policy)), state, policy)
    edits = tuple(step.edit for step in steps if step.edit)
    conflicts = {step.path: step.conflict for step in steps if step.conflict}
    if conflicts:
        on_edit = choose(policy, next(iter(conflicts)))
        detail = conflict_sentence(tuple(conflicts.values()), on_edit, retires=RETIRED in new)
        return _new_change(target, "refused", state, edits=edits, detail=detail)
    detail = "; ".join(filter(None, (manifest_sentence(state), edit_sentence(edits, policy))))
    write = [step.write for step in steps if step.write]
    delete = tuple(step.path for step in steps if step.delete)
    if not write and not delete:
        return _new_change(target, "unchanged", state, edits=edits, detail=detail)
    return replace(_new_change(target, "updated", state, write, edits, detail), delete=delete)


def _with_merge_bases(
    new: Mapping[str, File], steps: Iterable[PathStep], state: BranchState
) -> Mapping[str, File]:
    """Return the new files; their manifest gets the generated texts below edits that stay.

    The next merge needs them, and no commit has them.
    """
    last = state.manifest
    if MANIFEST not in new or last is None:
        return new
    merge_bases = {}
    for step in steps:
        file, last_file = new.get(step.path), last.files.get(step.path)
        if step.base is None or is_binary(step.base) or file is None or last_file is None:
            continue
        if step.path in last.merge_bases or file.sha256 != last_file.sha256:
            merge_bases[step.path] = step.base
    if not merge_bases:
        return new
    manifest = replace(parse_manifest(new[MANIFEST].content), merge_bases=merge_bases)
    return {**new, MANIFEST: File(MANIFEST, format_manifest(manifest))}


def _special_steps(
    new: Mapping[str, File], state: BranchState, policy: EditPolicy
) -> Iterator[PathStep]:
    """Yield the steps of the manifest, which does not list itself, and of a retirement note."""
    entry, file = state.entries.get(MANIFEST), new.get(MANIFEST)
    if file and entry != TreeEntry(file.mode, blob_id(file.content)):
        yield PathStep(MANIFEST, write=file)
    elif entry and not file:
        yield PathStep(MANIFEST, delete=True)
    note = state.content.get(RETIRED, b"")
    if RETIRED in new or parse_retirement_note(note) is None:
        return
    if is_untouched_note(note):
        yield PathStep(RETIRED, delete=True)
        return
    edit = Edit(RETIRED, "modified", diff_file(RETIRED, None, note), None, note)
    yield step_for_unrendered(edit, choose(policy, RETIRED))


def _branch_trouble(target: BranchTarget, state: BranchState) -> str:
    """Say why the branch must not be touched, whatever its files, and since which commit."""
    since = f"since commit {state.manifest_change[:12]}" if state.manifest_change else ""
    if state.problem:
        return f"{state.problem} ({since})" if since else state.problem
    if state.manifest and state.manifest.key != target.key:
        return f"branch {target.branch} belongs to {state.manifest.key} {since}".rstrip()
    return ""


def _new_change(
    target: BranchTarget,
    status: Status,
    state: BranchState | None = None,
    write: Iterable[File] = (),
    edits: tuple[Edit, ...] = (),
    detail: str = "",
) -> Change:
    tip = state.commit if state else None
    return Change(
        image=target.image,
        stream=target.stream,
        url=target.url,
        branch=target.branch,
        status=status,
        parent=tip,
        write=tuple(write),
        edits=edits,
        detail=detail,
        commit=tip,
    )


def _with_commit(
    change: Change, entries: Mapping[str, TreeEntry], origin: Provenance, message: str
) -> Change:
    """Return the change with its message and the id that its commit will have."""
    after = {path: entry for path, entry in entries.items() if path not in change.delete}
    after |= {file.path: TreeEntry(file.mode, blob_id(file.content)) for file in change.write}
    return with_commit_id(change, tree_id(after), origin, message)


def _modes(paths: Iterable[str], state: BranchState) -> dict[str, int]:
    return {path: state.entries[path].mode for path in paths if path in state.entries}


def _changed_contents(
    change: Change, state: BranchState
) -> tuple[dict[str, bytes | None], dict[str, bytes | None]]:
    """Return the changed paths before and after."""
    paths = [*change.delete, *(file.path for file in change.write)]
    before = {path: state.content.get(path) for path in paths}
    after: dict[str, bytes | None] = dict.fromkeys(change.delete)
    return before, after | {file.path: file.content for file in change.write}
