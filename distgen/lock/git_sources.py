"""Ask the git repositories of components for the commits of refs, and for their dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from distgen.catalogue.mirrors import git_here
from distgen.catalogue.tag_streams import choose_releases
from distgen.errors import DistgenError
from distgen.git.commits import parse_commit, parse_person
from distgen.git.location import Place
from distgen.git.refs import (
    HEADS,
    TAGS,
    Refs,
    full_ref,
    is_commit_id,
    parse_ls_remote,
    release_version,
)
from distgen.git.retry import is_temporary, is_unanswered, run_with_retries
from distgen.git.run import Git, GitResult, explain, run
from distgen.git.temporary import scratch_folder
from distgen.model.lock import LockedSource
from distgen.model.releases import ReleaseChoice
from distgen.text.suggest import suggest_nearest

RELEASES = ("{version}", "v{version}")


class RefGone(DistgenError):
    """The repository answers, and has no such branch, tag or commit."""


@dataclass(frozen=True, slots=True)
class SourceRepository:
    """A component's repository: `url` is its public name, `place` where it is found from here."""

    git: Git
    url: str
    place: Place
    refs: Refs


def open_repository(git: Git, url: str, mirrors: Mapping[str, str]) -> SourceRepository:
    """Return a repository with its branches and tags, and the commits that they point at."""
    place = Place(git_here(url, mirrors), None)
    # Naming the kinds lets the server leave out the rest: a Gerrit has a million refs/changes.
    listing = run_with_retries(git, place, "ls-remote", "--heads", "--tags", "--", place.address)
    if listing.code:
        raise DistgenError(f"the repository cannot be read: {explain(listing)}", where=url)
    refs = parse_ls_remote(listing.output.decode("utf-8", "replace").split("\n"))
    return SourceRepository(git, url, place, refs)


def commit_of(repository: SourceRepository, ref: str) -> str | None:
    """Return the commit of a ref, None where it has to be fetched to be known."""
    full = full_ref(ref, repository.refs)
    if full is not None:
        return repository.refs[full]
    if is_commit_id(ref):
        return ref
    if ref.startswith("refs/") or ref == "HEAD":
        return None
    names = [name.removeprefix(HEADS).removeprefix(TAGS) for name in repository.refs]
    raise RefGone(
        f"the repository has no branch or tag {ref}",
        where=repository.url,
        hint=suggest_nearest(ref, names),
    )


def released_tags(repository: SourceRepository, choice: ReleaseChoice) -> tuple[str, ...]:
    """Return the git tags of a repository that are chosen, the newest release first."""
    tags = (ref.removeprefix(TAGS) for ref in repository.refs if ref.startswith(TAGS))
    return choose_releases(tags, choice)


def resolve_ref(
    repository: SourceRepository, ref: str, earlier: LockedSource | None = None
) -> LockedSource:
    """Return commit, date and version of a ref; the date of the `earlier` commit is not fetched."""
    head = commit_of(repository, ref)
    if earlier is not None and head == earlier.commit:
        return LockedSource(head, earlier.date, version_of(ref, head, repository.refs))
    commit, date = fetch_commit(repository, ref, head)
    return LockedSource(commit, date, version_of(ref, commit, repository.refs))


def version_of(ref: str, commit: str, refs: Refs) -> str | None:
    """Return the release that a ref is, else the newest at its commit, else the tag it is."""
    full_name = full_ref(ref, refs) or ""
    tag = full_name.removeprefix(TAGS) if full_name.startswith(TAGS) else None
    tag_version = release_version(tag, RELEASES) if tag is not None else None
    if tag_version is not None:
        return str(tag_version)
    names = (name for name in refs if name.startswith(TAGS) and refs[name] == commit)
    versions = (release_version(name.removeprefix(TAGS), RELEASES) for name in names)
    newest = max((version for version in versions if version is not None), default=None)
    return str(newest) if newest is not None else tag


def fetch_commit(repository: SourceRepository, ref: str, commit: str | None) -> tuple[str, str]:
    """Fetch the commit of a ref, without trees and parents; return its id and date."""
    with scratch_folder() as folder:
        _run_locally(repository.git, folder, "init", "--quiet", "--bare", str(folder))
        outcome = _run_fetch(repository, folder, commit or ref)
        if outcome.code and commit is not None and commit != ref:
            # Old servers give out only what a ref points at, which may have moved meanwhile.
            outcome = _run_fetch(repository, folder, ref)
        if outcome.code:
            problem = f"the repository does not give out {ref}: {explain(outcome)}"
            is_failure = is_unanswered(outcome) or is_temporary(outcome)
            raise (DistgenError if is_failure else RefGone)(problem, where=repository.url)
        outcome = run(
            repository.git, "rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}", folder=folder
        )
        if outcome.code:
            raise RefGone(f"{ref} is not a commit", where=repository.url)
        commit = outcome.output.decode("ascii").strip()
        content = _run_locally(repository.git, folder, "cat-file", "commit", commit)
        return commit, _commit_date(content, commit)


def _run_fetch(repository: SourceRepository, folder: Path, name: str) -> GitResult:
    return run_with_retries(
        repository.git,
        repository.place,
        *("fetch", "--quiet", "--depth=1", "--no-tags", "--filter=tree:0", "--"),
        *(repository.place.address, name),
        folder=folder,
    )


def _commit_date(content: bytes, commit: str) -> str:
    line = parse_commit(content).committer
    person = parse_person(line)
    try:
        date = datetime.fromtimestamp(person.seconds, tz=timezone.utc)
    except (ValueError, OverflowError, OSError):  # after the year 9999
        date = None
    if date is None or person.name == line:
        raise DistgenError(f"the commit {commit} has no date")
    return date.strftime("%Y-%m-%dT%H:%M:%SZ")


def _run_locally(git: Git, folder: Path, *arguments: str) -> bytes:
    outcome = run(git, *arguments, folder=folder)
    if outcome.code:
        problem = f"git cannot work in a temporary folder: {explain(outcome)}"
        raise DistgenError(problem, where=folder)
    return outcome.output
