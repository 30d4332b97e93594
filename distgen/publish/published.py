"""Read which commit of each branch distgen published last, where nobody edited it since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from distgen.dockerfile.filename import DOCKERFILE
from distgen.errors import DistgenError
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import parse_commit, parse_person, parse_trailers
from distgen.git.remote import read_remote_heads
from distgen.git.repository import list_commits
from distgen.git.run import Git
from distgen.git.store import Store, scratch_store
from distgen.model.catalogue import Catalogue, Image
from distgen.model.words import MANIFEST
from distgen.pool import map_parallel, thread_pool
from distgen.publish.branch import edited_paths, read_manifest_and_files
from distgen.publish.repository_access import Repository, list_repositories, open_reader
from distgen.publish.target import BranchTarget
from distgen.text.listing import name_some


@dataclass(frozen=True, slots=True)
class PublishedBranch:
    """The commit that distgen published last; where there is none to name, `problem` says why."""

    commit: str = ""
    problem: str = ""
    seconds: int = 0
    """When it was committed, since 1970."""
    dockerfile: str = field(default="", repr=False)
    """The text of its Dockerfile."""


def read_published(
    catalogue: Catalogue, images: Sequence[Image], git: Git, jobs: int, store: Path | None
) -> Mapping[str, PublishedBranch]:
    """Return the published commit of each image by its key.

    Each server is asked once for the branches of a repository; commits come from the store at
    `store` where it has them.
    """
    published: dict[str, PublishedBranch] = {}
    with scratch_store(git, store) as scratch, thread_pool(git.stop, jobs) as pool:
        repositories = list_repositories(catalogue, images)
        for branches in map_parallel(pool, partial(_read_repository, scratch), repositories):
            published |= branches
    return published


def _read_repository(store: Store, repository: Repository) -> dict[str, PublishedBranch]:
    branches = [target.branch for target in repository.targets]
    try:
        heads = read_remote_heads(store.git, repository.place, branches)
        with open_reader(store, repository.place, heads) as (reader, heads):
            return {
                target.key: _read_branch(reader, heads.tips.get(target.branch, ""), target)
                for target in repository.targets
            }
    except DistgenError as error:
        return {target.key: PublishedBranch(problem=str(error)) for target in repository.targets}


def _read_branch(reader: ObjectReader | None, tip: str, target: BranchTarget) -> PublishedBranch:
    if reader is None or not tip:
        return PublishedBranch(problem=f"its branch {target.branch} was not published yet")
    manifest, entries = read_manifest_and_files(reader, tip)
    if manifest is None or manifest.key != target.key:
        return PublishedBranch(problem=f"its branch {target.branch} is not published by distgen")
    edits = {*edited_paths(reader, manifest, entries), *manifest.merge_bases}
    if edits:
        problem = f"its branch {target.branch} was edited downstream: {name_some(sorted(edits))}"
        return PublishedBranch(problem=problem)
    return _find_publication(reader, tip, target)


def _find_publication(reader: ObjectReader, tip: str, target: BranchTarget) -> PublishedBranch:
    """Return the tip where distgen committed it, else the last commit that wrote the manifest."""
    last_writers = list_commits(reader.git, reader.folder, tip, [MANIFEST], max_count=1)
    for commit in chain([tip], last_writers):
        item = reader.read(commit)
        content = parse_commit(item.content) if item else None
        trailers = parse_trailers(content.message) if content else {}
        if content and trailers.get("Distgen-Image") == target.image:
            dockerfile = reader.read(f"{commit}:{DOCKERFILE}")
            return PublishedBranch(
                commit,
                seconds=parse_person(content.committer).seconds,
                dockerfile=dockerfile.content.decode(errors="replace") if dockerfile else "",
            )
    return PublishedBranch(problem=f"no commit of its branch {target.branch} is by distgen")
