"""Render an image again as the commit of the catalogue that a claim names would."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from distgen.errors import DistgenError
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import Commit
from distgen.model.catalogue import Catalogue
from distgen.model.lock import Lock
from distgen.model.published import Change, Edit, Provenance
from distgen.model.rendered import Tree
from distgen.model.words import MANIFEST, OnEdit
from distgen.publish.branch import read_branch
from distgen.publish.merge_file import three_way_merge
from distgen.publish.plan import lock_digest, plan_change, plan_retirement
from distgen.publish.retirement import retirement_note, retirement_reason
from distgen.publish.target import BranchTarget, branch_target
from distgen.render.manifest import published_files
from distgen.render.renderer import Renderer
from distgen.verify.claims import Claim, Expectation

LoadCatalogue = Callable[[Path], tuple[Catalogue, Lock]]
_FAILURES = (DistgenError, MemoryError, RecursionError)
_EDIT_POLICIES: tuple[OnEdit, ...] = ("refuse", "keep", "merge", "overwrite")


@dataclass(frozen=True, slots=True)
class CatalogueState:
    """The catalogue as one of its commits has it."""

    commit: str
    date: int
    catalogue: Catalogue
    lock: Lock
    renderer: Renderer = field(repr=False)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a claim leads to; `tree` is None for an image that is not in the catalogue."""

    target: BranchTarget
    tree: Tree | None
    provenance: Provenance
    expectation: Expectation


@dataclass(frozen=True, slots=True)
class Replanned:
    """A commit that was planned again, and the downstream edits that distgen would have kept."""

    change: Change
    kept_edits: tuple[Edit, ...] = ()


def answer_questions(load: LoadCatalogue, questions: IO[bytes], answers: IO[bytes]) -> None:
    """Read a state of the catalogue, and answer what it leads to until the questions end.

    The first question is the folder of the state, its commit and that one's date; the answer is
    None, or why it cannot be read. All others are a claim and a note, with a `Replay` or why not as
    the answer, or the keys of images, with the sums of their manifests as the answer.
    """

    def reply(reply_object: object) -> None:
        pickle.dump(reply_object, answers)
        answers.flush()

    root, commit, date = pickle.load(questions)
    try:
        catalogue, lock = load(root)
        state = CatalogueState(commit, date, catalogue, lock, Renderer(catalogue, lock))
    except _FAILURES as error:
        reply(_sentence(error))
        return
    reply(None)
    with suppress(EOFError):
        while True:
            question = pickle.load(questions)
            if isinstance(question, frozenset):
                reply(dict(_manifest_sums(state, question)))
                continue
            claim, note = question
            try:
                reply(_render_claim(state, claim, retirement_reason(note)))
            except _FAILURES as error:
                reply(f"it cannot be rendered from {commit[:12]}: {_sentence(error)}")


def replan(reader: ObjectReader, commit: Commit, replay: Replay) -> Replanned | None:
    """Plan a commit again on its parent; return the plan that gives the same files, if any."""
    if len(commit.parents) > 1 or (replay.tree is None and not commit.parents):
        return None
    if commit.parents and reader.read(commit.parents[0]) is None:  # where a shallow clone ends
        return None
    same_tree: Replanned | None = None
    for on_edit in _EDIT_POLICIES:
        change = _plan(reader, commit, replay, on_edit)
        replanned = Replanned(change, change.edits if on_edit in ("keep", "merge") else ())
        if change.commit == commit.unsigned_id:
            return replanned
        if change.tree == commit.tree and same_tree is None:
            same_tree = replanned
        if change.status != "refused" and not change.edits:
            break
    return same_tree


def _plan(reader: ObjectReader, commit: Commit, replay: Replay, on_edit: OnEdit) -> Change:
    generated_files = replay.expectation.files if replay.tree else {}
    state = read_branch(reader, commit.parents[0], generated_files) if commit.parents else None
    if replay.tree is None:
        assert state is not None
        return plan_retirement(replay.target, state, replay.provenance, on_edit)
    merge = three_way_merge(reader.git)
    return plan_change(replay.target, replay.tree, state, replay.provenance, on_edit, merge)


def _manifest_sums(state: CatalogueState, keys: Collection[str]) -> Iterator[tuple[str, str]]:
    for image in state.catalogue.images:
        if image.key in keys:
            with suppress(*_FAILURES):
                tree = state.renderer.tree(image)
                manifest = next(file for file in published_files(tree) if file.path == MANIFEST)
                yield image.key, manifest.sha256


def _render_claim(state: CatalogueState, claim: Claim, reason: str) -> Replay:
    image = next((image for image in state.catalogue.images if image.key == claim.key), None)
    tree = state.renderer.tree(image) if image else None
    retired = BranchTarget(claim.image, claim.stream, "", "", (), reason)
    target = branch_target(image) if image else retired
    namespaces = state.catalogue.namespaces
    namespace = namespaces.get(claim.image.partition("/")[0]) or namespaces[min(namespaces)]
    address = state.catalogue.source
    provenance = Provenance(
        source=f"{address}@{state.commit}" if address else state.commit,
        author=namespace.dist_git.author,
        date=state.date,
        version=claim.version,
        lock=state.lock,
    )
    rendered = tree or Tree(claim.image, claim.stream, ())
    digest = lock_digest(rendered, target.downloads, state.lock)
    files = published_files(tree) if tree else (retirement_note(target),)
    expectation = Expectation(
        source=provenance.source,
        lock=f"sha256:{digest}",
        author=provenance.author,
        files={file.path: file for file in files},
    )
    return Replay(target, tree, provenance, expectation)


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, DistgenError) else "it does not fit into memory"
