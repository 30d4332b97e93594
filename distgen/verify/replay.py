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
from distgen.model.published import Change, Provenance
from distgen.model.rendered import Tree
from distgen.model.words import MANIFEST
from distgen.publish.branch import read_branch
from distgen.publish.merge_file import three_way_merge
from distgen.publish.plan import OnEdit, lock_digest, plan_change, plan_retirement
from distgen.publish.retirement import retirement_note, retirement_reason
from distgen.publish.target import BranchTarget, branch_target
from distgen.render.manifest import generated
from distgen.render.renderer import Renderer
from distgen.verify.claims import Claim, Expected

Load = Callable[[Path], tuple[Catalogue, Lock]]
_FAILURES = (DistgenError, MemoryError, RecursionError)
_WAYS: tuple[OnEdit, ...] = ("refuse", "keep", "merge", "overwrite")


@dataclass(frozen=True, slots=True)
class Past:
    """The catalogue as one of its commits has it."""

    commit: str
    date: int
    catalogue: Catalogue
    lock: Lock
    renderer: Renderer = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a claim leads to; `tree` is None for an image that is not in the catalogue."""

    target: BranchTarget
    tree: Tree | None
    origin: Provenance
    expected: Expected


def answer(load: Load, questions: IO[bytes], answers: IO[bytes]) -> None:
    """Read a state of the catalogue, and answer what it leads to for as long as somebody asks.

    The first question is where it stands, its commit and that one's date; the answer is None, or
    why it cannot be read. All others are a claim and a note, whose answer is `Wanted` or why not,
    or the keys of images, whose answer are the sums of their manifests.
    """

    def reply(made: object) -> None:
        pickle.dump(made, answers)
        answers.flush()

    root, commit, made = pickle.load(questions)
    try:
        catalogue, lock = load(root)
        past = Past(commit, made, catalogue, lock, Renderer(catalogue, lock))
    except _FAILURES as error:
        reply(_why(error))
        return
    reply(None)
    with suppress(EOFError):
        while True:
            question = pickle.load(questions)
            if isinstance(question, frozenset):
                reply(dict(_sums(past, question)))
                continue
            claimed, note = question
            try:
                reply(_wanted(past, claimed, retirement_reason(note)))
            except _FAILURES as error:
                reply(f"it cannot be rendered from {commit[:12]}: {_why(error)}")


def planned_again(
    reader: ObjectReader, commit: Commit, wanted: Wanted
) -> tuple[Change, OnEdit] | None:
    """Plan a commit again on its parent; return the change that gives the same files, if any."""
    if len(commit.parents) > 1 or (wanted.tree is None and not commit.parents):
        return None
    if commit.parents and reader.read(commit.parents[0]) is None:  # where a shallow clone ends
        return None
    same: tuple[Change, OnEdit] | None = None
    for on_edit in _WAYS:
        change = _planned(reader, commit, wanted, on_edit)
        if change.commit == commit.unsigned_id:
            return change, on_edit
        if change.tree == commit.tree and same is None:
            same = change, on_edit
        if change.status != "refused" and not change.edits:
            break
    return same


def _planned(reader: ObjectReader, commit: Commit, wanted: Wanted, on_edit: OnEdit) -> Change:
    new = {path: file for path, file in wanted.expected.files.items() if wanted.tree}
    there = read_branch(reader, commit.parents[0], new) if commit.parents else None
    if wanted.tree is None:
        assert there is not None
        return plan_retirement(wanted.target, there, wanted.origin, on_edit)
    merge = three_way_merge(reader.git)
    return plan_change(wanted.target, wanted.tree, there, wanted.origin, on_edit, merge)


def _sums(past: Past, keys: Collection[str]) -> Iterator[tuple[str, str]]:
    for image in past.catalogue.images:
        if image.key in keys:
            with suppress(*_FAILURES):
                tree = past.renderer.tree(image)
                manifest = next(file for file in generated(tree) if file.path == MANIFEST)
                yield image.key, manifest.sha256


def _wanted(past: Past, claimed: Claim, why: str) -> Wanted:
    image = next((image for image in past.catalogue.images if image.key == claimed.key), None)
    tree = past.renderer.tree(image) if image else None
    branch = (
        branch_target(image)
        if image
        else BranchTarget(claimed.image, claimed.stream, "", "", (), why)
    )
    spaces = past.catalogue.namespaces
    namespace = spaces.get(claimed.image.partition("/")[0]) or spaces[min(spaces)]
    address = past.catalogue.source
    origin = Provenance(
        source=f"{address}@{past.commit}" if address else past.commit,
        author=namespace.dist_git.author,
        date=past.date,
        version=claimed.version,
        lock=past.lock,
    )
    named = tree or Tree(claimed.image, claimed.stream, ())
    digest = lock_digest(named, branch.downloads, past.lock)
    files = generated(tree) if tree else (retirement_note(branch),)
    by_path = {file.path: file for file in files}
    expected = Expected(origin.source, f"sha256:{digest}", origin.author, by_path)
    return Wanted(branch, tree, origin, expected)


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, DistgenError) else "it does not fit into memory"
