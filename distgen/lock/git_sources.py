"""Ask the git repositories of components what their refs point at and when that was committed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from distgen.catalogue.mirrors import git_here
from distgen.errors import DistgenError
from distgen.git.refs import HEADS, TAGS, Refs, full_ref, is_commit, peeled, release
from distgen.git.run import NOWHERE, Git, Outcome, explain, run
from distgen.model.lock import LockedSource
from distgen.text.suggest import nearest

RELEASES = ("{version}", "v{version}")
_COMMITTER = re.compile(rb"^committer .* (\d+) [+-]\d{4}$", re.MULTILINE)


class RefGone(DistgenError):
    """The repository answers, and has no such branch, tag or commit."""


@dataclass(frozen=True, slots=True)
class SourceRepository:
    """A component's repository: `url` is its public name, `place` where it is found from here."""

    git: Git
    url: str
    place: str
    refs: Refs


def open_repository(git: Git, url: str, mirrors: Mapping[str, str]) -> SourceRepository:
    """Return a repository with its branches and tags and what they point at."""
    place = git_here(url, mirrors)
    # Naming the kinds lets the server leave out the rest: a Gerrit has a million refs/changes.
    words = ("ls-remote", "--heads", "--tags", "--", place)
    done = run(git, *words, folder=NOWHERE, network=True)
    if done.code:
        raise DistgenError(f"the repository cannot be read: {explain(done)}", where=url)
    found = peeled(done.output.decode("utf-8", "replace").split("\n"))
    return SourceRepository(git, url, place, found)


def commit_of(repository: SourceRepository, ref: str) -> str | None:
    """Return the commit that a ref stands for now, None where it has to be fetched to be known."""
    full = full_ref(ref, repository.refs)
    if full is not None:
        return repository.refs[full]
    if is_commit(ref):
        return ref
    if ref.startswith("refs/") or ref == "HEAD":
        return None
    names = [name.removeprefix(HEADS).removeprefix(TAGS) for name in repository.refs]
    raise RefGone(
        f"the repository has no branch or tag {ref}",
        where=repository.url,
        hint=nearest(ref, names),
    )


def resolve_ref(
    repository: SourceRepository, ref: str, known: LockedSource | None = None
) -> LockedSource:
    """Return what a lock says of a ref now; of a `known` commit nothing needs to be fetched."""
    now = commit_of(repository, ref)
    if known is not None and now == known.commit:
        return LockedSource(now, known.date, version_of(ref, now, repository.refs))
    commit, date = fetch_commit(repository, ref, now)
    return LockedSource(commit, date, version_of(ref, commit, repository.refs))


def version_of(ref: str, commit: str, refs: Refs) -> str | None:
    """Return the release that a ref is, else the newest at its commit, else the tag it is."""
    full = full_ref(ref, refs) or ""
    own = release(full.removeprefix(TAGS), RELEASES) if full.startswith(TAGS) else None
    if own is not None:
        return str(own)
    names = (name for name in refs if name.startswith(TAGS) and refs[name] == commit)
    found = [release(name.removeprefix(TAGS), RELEASES) for name in names]
    newest = max((one for one in found if one is not None), default=None)
    if newest is not None:
        return str(newest)
    return full.removeprefix(TAGS) if full.startswith(TAGS) else None


def fetch_commit(repository: SourceRepository, ref: str, commit: str | None) -> tuple[str, str]:
    """Fetch a commit, or what a ref is, and nothing else of the repository: its id and date."""
    with tempfile.TemporaryDirectory(prefix="distgen-") as name:
        folder = Path(name)
        _run_locally(repository.git, folder, "init", "--quiet", "--bare", str(folder))
        done = _run_fetch(repository, folder, commit or ref)
        if done.code and commit is not None and commit != ref:
            # Old servers give out only what a ref points at, which may have moved meanwhile.
            done = _run_fetch(repository, folder, ref)
        if done.code:
            raise RefGone(
                f"the repository does not give out {ref}: {explain(done)}", where=repository.url
            )
        told = run(
            repository.git, "rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}", folder=folder
        )
        if told.code:
            raise RefGone(f"{ref} is not a commit", where=repository.url)
        found = told.output.decode("ascii").strip()
        return found, _commit_date(
            _run_locally(repository.git, folder, "cat-file", "commit", found), found
        )


def _run_fetch(repository: SourceRepository, folder: Path, name: str) -> Outcome:
    return run(
        repository.git,
        *("fetch", "--quiet", "--depth=1", "--no-tags", "--filter=tree:0", "--"),
        *(repository.place, name),
        folder=folder,
        network=True,
    )


def _commit_date(text: bytes, commit: str) -> str:
    seconds = _COMMITTER.search(text)
    if seconds is None:
        raise DistgenError(f"the commit {commit} has no date")
    moment = datetime.fromtimestamp(int(seconds.group(1)), tz=timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _run_locally(git: Git, folder: Path, *arguments: str) -> bytes:
    done = run(git, *arguments, folder=folder)
    if done.code:
        raise DistgenError(f"git cannot work in a temporary folder: {explain(done)}", where=folder)
    return done.output
