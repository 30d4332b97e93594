"""Turn one commit of a dist-git repository into a verdict, by what it names and what it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from distgen import __version__
from distgen.catalogue.checkout import newest_commits
from distgen.errors import DistgenError
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import Commit, parse_commit, parse_person
from distgen.git.objects import format_person
from distgen.git.run import run
from distgen.model.published import Change, TreeEntry
from distgen.model.words import MANIFEST
from distgen.publish.branch import list_files, read_file, read_manifest
from distgen.publish.retirement import RETIRED
from distgen.render.manifest import dump
from distgen.verify.claims import (
    Claim,
    Expected,
    Standing,
    Verdict,
    added,
    claim,
    counted,
    differences,
    is_by,
    lie,
    metadata,
    own,
    same_manifest,
)
from distgen.verify.replay import Wanted, planned_again
from distgen.verify.worker_pool import Proof

Subject = tuple[str, str] | None
"""The image and stream, "" for any, that a commit should be of; None: it says so itself."""
_COMMITS = 1000
_SOURCES = 50


def judge(proof: Proof, reader: ObjectReader, commit: str, asked: Subject = None) -> Verdict:
    """Say whether the files of a commit are what the catalogue that it names gives."""
    found = _commit(reader, commit)
    claimed = claim(found.message)
    if claimed is None:
        return _unclaimed(proof, reader, found, asked)
    if claimed.twice:
        return _verdict(claimed, found, "forged", f"{claimed.twice} stands in it twice")
    if not _is_of(asked, claimed.image, claimed.stream):
        return _verdict(claimed, found, "forged", f"its trailers are of {claimed.key}")
    return _claimed(proof, reader, found, claimed)


def named(reader: ObjectReader, commit: str) -> str:
    """Return the commit of the catalogue that a commit names, "" for none."""
    found = claim(_commit(reader, commit).message)
    return found.commit if found else ""


def _is_of(asked: Subject, image: str, stream: str) -> bool:
    return asked is None or (image == asked[0] and asked[1] in ("", stream))


def _claimed(proof: Proof, reader: ObjectReader, commit: Commit, claimed: Claim) -> Verdict:
    """Judge a commit that has trailers."""
    wanted = proof.wanted(claimed, _file(reader, commit.id, RETIRED))
    if isinstance(wanted, str):
        return _verdict(claimed, commit, "unknown source", wanted)
    if false := lie(claimed, wanted.expected):
        return _verdict(claimed, commit, "forged", false)
    again = planned_again(reader, commit, wanted)
    if again is None:
        return _different(reader, commit, claimed, wanted.expected)
    change, on_edit = again
    standing, files = list_files(reader, commit.id), wanted.expected.files
    edits = change.edits if on_edit in ("keep", "merge") else ()
    more = added(files, standing, lambda entry: read_file(reader, entry))
    kept = f"{counted(edit.path for edit in edits)}; distgen kept the edit" if edits else ""
    paths = counted(edit.path for edit in more)
    taken = f"{paths}; distgen left what it does not generate, and the build takes it"
    remarks = (
        "" if wanted.tree else "it retires the stream",
        kept,
        taken if more else "",
        metadata(commit, _as_commit(change)),
        _by_version(claimed),
    )
    edits += more
    found = _verdict(claimed, commit, "edited downstream" if edits else "reproduced")
    return replace(
        found,
        detail="; ".join(filter(None, remarks)),
        exact=change.commit == commit.unsigned_id,
        edits=edits,
        own=own(files, standing),
    )


def _different(reader: ObjectReader, commit: Commit, claimed: Claim, expected: Expected) -> Verdict:
    """Judge a commit that distgen would not have made: somebody's edit, or a lie."""
    standing, before = list_files(reader, commit.id), _before(reader, commit)
    edits = differences(expected.files, standing, lambda entry: read_file(reader, entry))
    others = own(expected.files, standing)
    paths = [edit.path for edit in edits]
    status: Standing = "edited downstream" if edits else "reproduced"
    remarks = [counted(paths)]
    # With nothing to do distgen makes no commit, and whoever does has changed nothing.
    is_idle = len(commit.parents) > 1 or before == standing
    is_ours = is_by(commit, expected.author) and before is not None
    if (is_ours and (edits or not is_idle)) or MANIFEST in paths:
        which = remarks[0] or _meddled(expected, standing, before or {})
        status, remarks = "forged", [f"its trailers do not lead to {which}"]
        if version := _by_version(claimed):
            status, remarks = "unknown source", [f"{version}, which gives another {which}"]
    elif not edits and not is_by(commit, expected.author):
        remarks = [f"committed by {parse_person(commit.committer).name}"]
    if before is None:
        remarks.append("the commit before it is not there; fetch the whole history")
    detail = "; ".join(filter(None, remarks))
    return replace(_verdict(claimed, commit, status, detail), edits=edits, own=others)


def _before(reader: ObjectReader, commit: Commit) -> Mapping[str, TreeEntry] | None:
    """Return the files of the commit before, None where a shallow clone ends."""
    if not commit.parents:
        return {}
    return list_files(reader, commit.parents[0]) if reader.read(commit.parents[0]) else None


def _meddled(
    expected: Expected, now: Mapping[str, TreeEntry], before: Mapping[str, TreeEntry]
) -> str:
    """Name the files that distgen does not generate, those first that a commit changed."""
    others = own(expected.files, {*now, *before})
    changed = [path for path in others if now.get(path) != before.get(path)]
    return f"files that distgen does not generate ({counted(changed or others)})"


def _unclaimed(proof: Proof, reader: ObjectReader, commit: Commit, asked: Subject) -> Verdict:
    """Judge a commit without trailers by the newest of distgen's below it, or by its manifest."""
    text = _manifest(reader, commit.id)
    below = _below(reader, commit, asked, text)
    if below is None or not same_manifest(_manifest(reader, below[0].id), text):
        found = _searched(proof, reader, commit, asked)
        if found is not None:
            claimed, wanted = found
            why = f"trailers are lost; the manifest is that of {claimed.commit[:12]}"
            return _compared(reader, commit, claimed, (wanted.expected, why))
    if below is None:
        why = "it has no trailers, and no recent commit of the catalogue gives its manifest"
        return _verdict(
            _nobody(reader, commit, asked),
            commit,
            "unknown source",
            why if text else "distgen did not write it",
        )
    base, claimed = below
    judged = _claimed(proof, reader, base, claimed)
    expected = proof.wanted(claimed, _file(reader, base.id, RETIRED))
    why = f"stands on {base.id[:12]}"
    if judged.status in ("unknown source", "forged") or isinstance(expected, str):
        return replace(judged, commit=commit.id, exact=False, detail=f"{why}: {judged.detail}")
    return _compared(reader, commit, claimed, (expected.expected, why))


def _compared(
    reader: ObjectReader, commit: Commit, claimed: Claim, known: tuple[Expected, str]
) -> Verdict:
    """Compare a commit without trailers with what distgen generates."""
    expected, why = known
    standing = list_files(reader, commit.id)
    edits = differences(expected.files, standing, lambda entry: read_file(reader, entry))
    paths = counted(edit.path for edit in edits)
    status: Standing = "edited downstream" if edits else "reproduced"
    found = _verdict(claimed, commit, status, f"{paths}; {why}" if edits else why)
    return replace(found, edits=edits, own=own(expected.files, standing))


def _below(
    reader: ObjectReader, commit: Commit, asked: Subject, text: bytes
) -> tuple[Commit, Claim] | None:
    """Return the newest commit with trailers, of those that have this manifest if there are any."""
    first: tuple[Commit, Claim] | None = None
    for base in _ancestors(reader, commit.id):
        claimed = claim(base.message)
        if claimed is None or not _is_of(asked, claimed.image, claimed.stream):
            continue
        first = first or (base, claimed)
        if text and same_manifest(_manifest(reader, base.id), text):
            return base, claimed
    return first


def _ancestors(reader: ObjectReader, commit: str) -> Iterator[Commit]:
    options = ("--topo-order", f"--max-count={_COMMITS}", "--grep=^Distgen-Image: ")
    found = run(reader.git, "rev-list", *options, commit, folder=reader.folder)
    for name in found.output.decode("ascii").split():
        yield _commit(reader, name)


def _searched(
    proof: Proof, reader: ObjectReader, commit: Commit, asked: Subject
) -> tuple[Claim, Wanted] | None:
    """Look for the commit of the catalogue that gives the manifest of a commit."""
    found = read_manifest(reader, commit.id)
    if found is None or proof.history is None or not _is_of(asked, found.image, found.stream):
        return None
    wanted_sum = hashlib.sha256(dump(replace(found, merge_bases={}))).hexdigest()
    for source in newest_commits(proof.history, _SOURCES):
        claimed = Claim(found.image, found.stream, source, "", "", source)
        if proof.sum(source, claimed.key) != wanted_sum:
            continue
        wanted = proof.wanted(claimed)
        if not isinstance(wanted, str):
            return replace(claimed, source=wanted.expected.source), wanted
    return None


def _commit(reader: ObjectReader, name: str) -> Commit:
    found = reader.read(name)
    if found is None or found.kind != "commit":
        raise DistgenError(f"{name} is not a commit", where=reader.folder)
    return parse_commit(found.content)


def _as_commit(change: Change) -> Commit:
    who = format_person(change.author, change.date)
    parents = (change.parent,) if change.parent else ()
    return Commit(change.commit or "", change.tree, parents, who, who, change.message, "")


def _manifest(reader: ObjectReader, commit: str) -> bytes:
    return _file(reader, commit, MANIFEST)


def _file(reader: ObjectReader, commit: str, path: str) -> bytes:
    found = reader.read(f"{commit}:{path}")
    return found.content if found and found.kind == "blob" else b""


def _nobody(reader: ObjectReader, commit: Commit, asked: Subject) -> Claim:
    found = read_manifest(reader, commit.id)
    named = (found.image, found.stream) if found else ("", "")
    return Claim(*(asked or named), "", "", "")


def _by_version(claimed: Claim) -> str:
    is_same = claimed.version in ("", __version__)
    return "" if is_same else f"distgen {claimed.version} made it, and this is {__version__}"


def _verdict(claimed: Claim, commit: Commit, status: Standing, detail: str = "") -> Verdict:
    return Verdict(
        image=claimed.image,
        stream=claimed.stream,
        url="",
        branch="",
        commit=commit.id,
        status=status,
        detail=detail,
        source=claimed.source,
        version=claimed.version,
    )
