"""Judge a commit without distgen's trailers: by a commit below it, or by its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from distgen.catalogue.checkout import newest_commits
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import Commit
from distgen.git.run import run
from distgen.publish.branch import list_files, read_file, read_manifest
from distgen.publish.retirement import RETIRED
from distgen.render.manifest import manifest_digest
from distgen.text.listing import name_some
from distgen.verify.claims import Claim, Expectation, parse_claim
from distgen.verify.compare import is_same_manifest, list_edits, unmanaged_paths
from distgen.verify.judge_claim import judge_claim
from distgen.verify.published_commit import read_commit, read_manifest_content, read_path
from distgen.verify.replay import fit_tree
from distgen.verify.verdict import Verdict, VerdictStatus, verdict_on
from distgen.verify.worker_pool import WorkerPool

ExpectedImage = tuple[str, str] | None
"""The image and stream, "" for any, that a commit should be of; None: it says so itself."""
_MOST_COMMITS = 1000
_MOST_SOURCES = 50


def is_about(expected_image: ExpectedImage, image: str, stream: str) -> bool:
    """Say whether an image and stream are those that a commit should be of."""
    if expected_image is None:
        return True
    expected_name, expected_stream = expected_image
    return image == expected_name and expected_stream in ("", stream)


def judge_unclaimed(
    workers: WorkerPool, reader: ObjectReader, commit: Commit, expected_image: ExpectedImage
) -> Verdict:
    """Say whether the files of a commit are those of distgen's newest commit below it.

    Where no commit below has its manifest, recent commits of the catalogue are tried.
    """
    manifest = read_manifest_content(reader, commit.id)
    base = _find_base(reader, commit, expected_image, manifest)
    if base is None or not is_same_manifest(read_manifest_content(reader, base[0].id), manifest):
        source = _find_source(workers, reader, commit, expected_image)
        if source is not None:
            claim, expectation = source
            why = f"trailers are lost; the manifest is that of {claim.commit[:12]}"
            return _judge_by(reader, commit, claim, expectation, why)
    if base is None:
        why = "it has no trailers, and no recent commit of the catalogue gives its manifest"
        claim = _claim_of_manifest(reader, commit, expected_image)
        detail = why if manifest else "distgen did not write it"
        return verdict_on(claim, commit, "unknown source", detail)
    return _judge_on_base(workers, reader, commit, *base)


def _judge_on_base(
    workers: WorkerPool, reader: ObjectReader, commit: Commit, base: Commit, claim: Claim
) -> Verdict:
    """Judge a commit by what distgen's commit below it should hold, if that one is sound."""
    verdict = judge_claim(workers, reader, base, claim)
    replay = workers.replay(claim, read_path(reader, base.id, RETIRED))
    why = f"it is based on {base.id[:12]}"
    if verdict.status in ("unknown source", "forged") or isinstance(replay, str):
        detail = f"{why}: {verdict.detail}"
        return replace(verdict, commit=commit.id, exact=False, detail=detail)
    expectation = fit_tree(reader, commit.id, base.id, replay).expectation
    return _judge_by(reader, commit, claim, expectation, why)


def _judge_by(
    reader: ObjectReader, commit: Commit, claim: Claim, expectation: Expectation, why: str
) -> Verdict:
    """Compare a commit without trailers with what distgen generates."""
    entries = list_files(reader, commit.id)
    edits = list_edits(expectation.files, entries, lambda entry: read_file(reader, entry))
    paths = name_some(edit.path for edit in edits)
    status: VerdictStatus = "edited downstream" if edits else "reproduced"
    verdict = verdict_on(claim, commit, status, f"{paths}; {why}" if edits else why)
    return replace(verdict, edits=edits, unmanaged=unmanaged_paths(expectation.files, entries))


def _find_base(
    reader: ObjectReader, commit: Commit, expected_image: ExpectedImage, manifest: bytes
) -> tuple[Commit, Claim] | None:
    """Return the newest commit with trailers, of those that have this manifest if there are any."""
    newest: tuple[Commit, Claim] | None = None
    for base in _commits_with_trailers(reader, commit.id):
        claim = parse_claim(base.message)
        if claim is None or not is_about(expected_image, claim.image, claim.stream):
            continue
        newest = newest or (base, claim)
        if manifest and is_same_manifest(read_manifest_content(reader, base.id), manifest):
            return base, claim
    return newest


def _commits_with_trailers(reader: ObjectReader, tip: str) -> Iterator[Commit]:
    options = ("--topo-order", f"--max-count={_MOST_COMMITS}", "--grep=^Distgen-Image: ")
    listing = run(reader.git, "rev-list", *options, tip, folder=reader.folder)
    for name in listing.output.decode("ascii").split():
        yield read_commit(reader, name)


def _find_source(
    workers: WorkerPool, reader: ObjectReader, commit: Commit, expected_image: ExpectedImage
) -> tuple[Claim, Expectation] | None:
    """Look for the commit of the catalogue that gives the manifest of a commit."""
    manifest = read_manifest(reader, commit.id)
    if manifest is None or workers.repository is None:
        return None
    if not is_about(expected_image, manifest.image, manifest.stream):
        return None
    manifest_sum = manifest_digest(manifest)
    for source in newest_commits(workers.repository, _MOST_SOURCES):
        claim = Claim(manifest.image, manifest.stream, source, "", "", source)
        if manifest_sum not in workers.manifest_sums(source, claim.key):
            continue
        replay = workers.replay(claim)
        if not isinstance(replay, str):
            expectation = fit_tree(reader, commit.id, commit.id, replay).expectation
            return replace(claim, source=expectation.source), expectation
    return None


def _claim_of_manifest(
    reader: ObjectReader, commit: Commit, expected_image: ExpectedImage
) -> Claim:
    """Return a claim that says only which image and stream a commit is of."""
    manifest = read_manifest(reader, commit.id)
    from_manifest = (manifest.image, manifest.stream) if manifest else ("", "")
    return Claim(*(expected_image or from_manifest), "", "", "")
