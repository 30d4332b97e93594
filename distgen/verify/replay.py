"""Plan a published commit again, as the commit of the catalogue that it names would."""

from __future__ import annotations

from dataclasses import dataclass, replace

from distgen.git.cat_file import ObjectReader
from distgen.git.commits import Commit
from distgen.model.published import Change, Manifest, Provenance
from distgen.model.rendered import Tree
from distgen.model.words import ATTRIBUTES, OnEdit
from distgen.publish.branch import list_files, read_branch, read_manifest
from distgen.publish.commit import lock_digest
from distgen.publish.foreign_files import foreign_files, without_exported
from distgen.publish.merge_file import three_way_merge
from distgen.publish.plan import plan_change, plan_retirement
from distgen.publish.restamp import plan_restamp
from distgen.publish.retirement import retirement_note
from distgen.publish.target import BranchTarget
from distgen.render.manifest import make_attributes, published_files, with_other_folding
from distgen.verify.claims import Claim, Expectation
from distgen.verify.protocol import Rendition
from distgen.verify.published_commit import read_path

_EDIT_POLICIES: tuple[OnEdit | None, ...] = (None, "refuse", "keep", "merge", "overwrite")
"""What a run may have been told about downstream edits; None: what the catalogue says."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What a claim leads to; `tree` is None for an image that is not in the catalogue."""

    target: BranchTarget
    tree: Tree | None
    provenance: Provenance
    expectation: Expectation


def replay_rendition(rendition: Rendition, claim: Claim, date: int) -> Replay:
    """Return what a claim leads to; `date` is that of the catalogue's commit."""
    target, tree = rendition.target, rendition.tree
    address = rendition.address
    provenance = Provenance(
        source=f"{address}@{claim.commit}" if address else claim.commit,
        author=rendition.author,
        date=date,
        version=claim.version,
        lock=rendition.lock,
    )
    tree_or_nothing = tree or Tree(claim.image, claim.stream, ())
    digest = lock_digest(tree_or_nothing, target.downloads, rendition.lock)
    files = published_files(tree) if tree else (retirement_note(target),)
    expectation = Expectation(
        source=provenance.source,
        lock=f"sha256:{digest}",
        author=provenance.author,
        files={file.path: file for file in files},
    )
    return Replay(target, tree, provenance, expectation)


def fit_tree(reader: ObjectReader, commit: str, before: str, replay: Replay) -> Replay:
    """Return what a claim leads to, with the marks for forges that a commit has.

    A branch keeps its marks until the next change, so both ways are distgen's. Exported files are
    left out where `before`, a commit or "" for none, has a packager's own in their places.
    """
    if replay.tree is None:
        return replay
    manifest = read_manifest(reader, commit)
    tree = _fit_folding(reader, commit, _leave_foreign(reader, commit, replay.tree), manifest)
    fitted = replace(replay.tree, folding=tree.folding)
    if before:
        fitted = _leave_foreign(reader, before, fitted)
    if fitted == replay.tree and fitted.folding == replay.tree.folding:
        return replay
    files = {file.path: file for file in published_files(fitted)}
    return replace(replay, tree=fitted, expectation=replace(replay.expectation, files=files))


def _fit_folding(reader: ObjectReader, commit: str, tree: Tree, manifest: Manifest | None) -> Tree:
    """Return a tree with the marks for forges that a commit has."""
    other_tree = with_other_folding(tree)
    attributes = make_attributes(other_tree.files, other_tree.folding)
    listed = manifest.files.get(ATTRIBUTES) if manifest else None
    is_other = (
        listed.sha256 == attributes.sha256
        if listed
        else read_path(reader, commit, ATTRIBUTES) == attributes.content
    )
    return other_tree if is_other else tree


def _leave_foreign(reader: ObjectReader, commit: str, tree: Tree) -> Tree:
    """Return a tree without exported files that a packager's own keep away from a commit."""
    if not tree.exported or reader.read(commit) is None:
        return tree
    manifest = read_manifest(reader, commit)
    owned = manifest.files if manifest else {}
    return without_exported(tree, foreign_files(tree, list_files(reader, commit), owned))


def replan(reader: ObjectReader, commit: Commit, replay: Replay) -> Change | None:
    """Plan a commit again on its parent; return the change that gives the same files, if any."""
    if len(commit.parents) > 1 or (replay.tree is None and not commit.parents):
        return None
    if commit.parents and reader.read(commit.parents[0]) is None:  # where a shallow clone ends
        return None
    same_tree: Change | None = None
    for on_edit in _EDIT_POLICIES:
        change = _plan(reader, commit, replay, on_edit)
        if change.commit == commit.unsigned_id:
            return change
        if change.tree == commit.tree and same_tree is None:
            same_tree = change
        if change.status != "refused" and not change.edits:
            break
    return same_tree


def _plan(reader: ObjectReader, commit: Commit, replay: Replay, on_edit: OnEdit | None) -> Change:
    generated_files = replay.expectation.files if replay.tree else {}
    state = None
    if commit.parents:
        state = read_branch(reader, commit.parents[0], generated_files, replay.target.key)
    if replay.tree is None:
        assert state is not None
        return plan_retirement(replay.target, state, replay.provenance, on_edit)
    merge = three_way_merge(reader.git)
    change = plan_change(replay.target, replay.tree, state, replay.provenance, on_edit, merge)
    if state is None or change.status != "unchanged" or change.edits:
        return change
    # Only a commit with another source than the one before it has nothing but that to say.
    return plan_restamp(replay.target, replay.tree, change, state.tree, replay.provenance)
