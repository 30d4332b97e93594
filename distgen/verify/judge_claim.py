"""Judge a commit with distgen's trailers: render what they name, and compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from distgen import __version__
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import Commit, parse_person
from distgen.git.objects import format_person
from distgen.model.published import Change, Edit, TreeEntry
from distgen.model.words import MANIFEST
from distgen.publish.branch import list_files, read_file
from distgen.publish.retirement import RETIRED
from distgen.text.listing import name_some
from distgen.verify.claims import (
    Claim,
    Expectation,
    false_trailer,
    is_authored_by,
    metadata_difference,
)
from distgen.verify.compare import (
    is_kept,
    list_edits,
    unmanaged_build_inputs,
    unmanaged_paths,
)
from distgen.verify.published_commit import read_path
from distgen.verify.replay import Replay, fit_tree, replan
from distgen.verify.verdict import Verdict, VerdictStatus, verdict_on
from distgen.verify.worker_pool import WorkerPool


def judge_claim(workers: WorkerPool, reader: ObjectReader, commit: Commit, claim: Claim) -> Verdict:
    """Say whether the files of a commit are what its trailers say that they are."""
    replay = workers.replay(claim, read_path(reader, commit.id, RETIRED))
    if isinstance(replay, str):
        return verdict_on(claim, commit, "unknown source", replay)
    if falsehood := false_trailer(claim, replay.expectation):
        return verdict_on(claim, commit, "forged", falsehood)
    replay = fit_tree(reader, commit.id, "", replay)
    change = replan(reader, commit, replay)
    # A file that somebody put in the place of distgen's is an edit: only what was there before
    # stays on purpose.
    before = commit.id if change else next(iter(commit.parents), "")
    replay = fit_tree(reader, commit.id, before, replay)
    if change is None:
        return _judge_foreign_commit(reader, commit, claim, replay.expectation)
    return _judge_replanned(reader, commit, claim, replay, change)


def _judge_replanned(
    reader: ObjectReader, commit: Commit, claim: Claim, replay: Replay, change: Change
) -> Verdict:
    """Judge a commit that has the files that distgen would have given it."""
    entries, generated = list_files(reader, commit.id), replay.expectation.files
    additions = unmanaged_build_inputs(generated, entries, lambda entry: read_file(reader, entry))
    kept_edits = tuple(edit for edit in change.edits if is_kept(edit, generated, entries))
    kept_paths, added_paths = _name_edits(kept_edits), _name_edits(additions)
    remarks = (
        "" if replay.tree else "it retires the stream",
        f"{kept_paths}; distgen kept the edit" if kept_edits else "",
        f"{added_paths}; distgen does not generate it, and the build uses it" if additions else "",
        metadata_difference(commit, _commit_of(change)),
        _version_difference(claim),
    )
    edits = kept_edits + additions
    verdict = verdict_on(claim, commit, "edited downstream" if edits else "reproduced")
    return replace(
        verdict,
        detail="; ".join(filter(None, remarks)),
        exact=change.commit == commit.unsigned_id,
        edits=edits,
        unmanaged=unmanaged_paths(generated, entries),
    )


def _judge_foreign_commit(
    reader: ObjectReader, commit: Commit, claim: Claim, expectation: Expectation
) -> Verdict:
    """Judge a commit that distgen would not have made: somebody's edit, or a forgery."""
    entries, entries_before = list_files(reader, commit.id), _entries_before(reader, commit)
    edits = list_edits(expectation.files, entries, lambda entry: read_file(reader, entry))
    is_authored = is_authored_by(commit, expectation.author)
    # distgen makes no commit that changes nothing; who does has not edited anything.
    is_idle = len(commit.parents) > 1 or entries_before == entries
    is_claimed = is_authored and entries_before is not None and bool(edits or not is_idle)
    status: VerdictStatus = "edited downstream" if edits else "reproduced"
    remark = _name_edits(edits)
    if is_claimed or any(edit.path == MANIFEST for edit in edits):
        which = remark or _name_changed_unmanaged(expectation, entries, entries_before or {})
        status, remark = "forged", f"its trailers do not lead to {which}"
        if difference := _version_difference(claim):
            status, remark = "unknown source", f"{difference}, which gives another {which}"
    elif not edits and not is_authored:
        remark = f"committed by {parse_person(commit.committer).name}"
    missing = "the commit before it is not there; fetch the whole history"
    remarks = (remark, missing if entries_before is None else "")
    verdict = verdict_on(claim, commit, status, "; ".join(filter(None, remarks)))
    return replace(verdict, edits=edits, unmanaged=unmanaged_paths(expectation.files, entries))


def _entries_before(reader: ObjectReader, commit: Commit) -> Mapping[str, TreeEntry] | None:
    """Return the files of the commit before, None where a shallow clone ends."""
    if not commit.parents:
        return {}
    return list_files(reader, commit.parents[0]) if reader.read(commit.parents[0]) else None


def _name_edits(edits: Iterable[Edit]) -> str:
    return name_some(edit.path for edit in edits)


def _name_changed_unmanaged(
    expectation: Expectation, entries: Mapping[str, TreeEntry], before: Mapping[str, TreeEntry]
) -> str:
    """Name the files that distgen does not generate, those first that a commit changed."""
    unmanaged = unmanaged_paths(expectation.files, {*entries, *before})
    changed = [path for path in unmanaged if entries.get(path) != before.get(path)]
    return f"files that distgen does not generate ({name_some(changed or unmanaged)})"


def _commit_of(change: Change) -> Commit:
    """Return the commit that a change becomes."""
    person = format_person(change.author, change.date)
    parents = (change.parent,) if change.parent else ()
    return Commit(change.commit or "", change.tree, parents, person, person, change.message, "")


def _version_difference(claim: Claim) -> str:
    is_same = claim.version in ("", __version__)
    return "" if is_same else f"distgen {claim.version} made it, and this is {__version__}"
