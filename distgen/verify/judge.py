"""Turn one commit of a dist-git repository into a verdict, by what it says and what it holds."""

from __future__ import annotations

from distgen.git.cat_file import ObjectReader
from distgen.verify.claims import parse_claim
from distgen.verify.judge_claim import judge_claim
from distgen.verify.judge_unclaimed import ExpectedImage, is_about, judge_unclaimed
from distgen.verify.published_commit import read_commit
from distgen.verify.verdict import Verdict, verdict_on
from distgen.verify.worker_pool import WorkerPool


def judge(
    workers: WorkerPool, reader: ObjectReader, name: str, expected_image: ExpectedImage = None
) -> Verdict:
    """Say whether the files of a commit are what the catalogue that it names gives."""
    commit = read_commit(reader, name)
    claim = parse_claim(commit.message)
    if claim is None:
        return judge_unclaimed(workers, reader, commit, expected_image)
    # Readers differ over which of two trailers counts.
    if claim.duplicate:
        return verdict_on(claim, commit, "forged", f"{claim.duplicate} is defined twice")
    # A sound commit of another image would otherwise prove whatever address was asked for.
    if not is_about(expected_image, claim.image, claim.stream):
        return verdict_on(claim, commit, "forged", f"its trailers are of {claim.key}")
    return judge_claim(workers, reader, commit, claim)


def claimed_source(reader: ObjectReader, name: str) -> str:
    """Return the commit of the catalogue that a commit names, "" for none."""
    claim = parse_claim(read_commit(reader, name).message)
    return claim.commit if claim else ""
