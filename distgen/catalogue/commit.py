"""Read the commit of the catalogue's own repository, and which of its files differ from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from distgen.catalogue.inputs import LINKABLE, PARTS, locate_inputs
from distgen.catalogue.template_files import is_leftover
from distgen.errors import DistgenError
from distgen.git.run import Git, GitResult, explain, run
from distgen.git.temporary import scratch_folder

_SETTINGS = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.quotePath=false"),
    *("-c", "core.sparseCheckout=false"),
    *("-c", "core.autocrlf=false"),
)


@dataclass(frozen=True, slots=True)
class CatalogueCommit:
    """The commit of a catalogue, None without one; `date` in seconds since 1970.

    `dirty` are the paths of the catalogue that differ from that commit, or that are in none.
    """

    commit: str | None
    date: int | None
    dirty: tuple[str, ...] = ()


def read_catalogue_commit(git: Git, root: Path, inputs: Sequence[str] = PARTS) -> CatalogueCommit:
    """Return the commit of the catalogue in `root`, of which only what it was read from counts."""
    head = _read_head(git, root)
    if head is None:
        return CatalogueCommit(None, None)
    return CatalogueCommit(*head, _dirty_paths(git, root, inputs))


def catalogue_history(git: Git, root: Path, head: CatalogueCommit) -> Callable[[str, int], bool]:
    """Return a function that says whether a commit, made at a time, is in the history of `head`.

    In a shallow clone the time decides: its history ends before most commits.
    """

    @cache
    def contains(commit: str, seconds: int) -> bool:
        if head.commit is None or head.date is None or commit == head.commit:
            return True
        if not _ask(git, root, "merge-base", "--is-ancestor", commit, head.commit).code:
            return True
        is_shallow = _ask(git, root, "rev-parse", "--is-shallow-repository").output
        return is_shallow.strip() == b"true" and seconds <= head.date

    return contains


@dataclass(frozen=True, slots=True)
class History:
    """The commits that a catalogue's history has, for machines that have no clone of it.

    Where the history is shallow, the date of its head decides for others. `commits` None: all.
    """

    commits: frozenset[bytes] | None
    date: int = 0
    is_shallow: bool = False

    def __call__(self, commit: str, seconds: int) -> bool:
        """Say whether a commit, made at a time, is in the history."""
        if self.commits is None or bytes.fromhex(commit) in self.commits:
            return True
        return self.is_shallow and seconds <= self.date


def list_history(git: Git, root: Path, head: CatalogueCommit) -> History:
    """Return the history of `head` as data."""
    if head.commit is None or head.date is None:
        return History(None)
    listed = _ask(git, root, "rev-list", head.commit)
    if listed.code:
        raise DistgenError(f"its history cannot be read: {explain(listed)}", where=root)
    is_shallow = _ask(git, root, "rev-parse", "--is-shallow-repository").output
    commits = frozenset(map(bytes.fromhex, listed.output.decode("ascii").split()))
    return History(commits, head.date, is_shallow.strip() == b"true")


def _ask(git: Git, root: Path, *words: str) -> GitResult:
    return run(git, "-C", str(root), *words)


def _read_head(git: Git, root: Path) -> tuple[str, int] | None:
    """Return the current commit and its date, None where there is no commit yet."""
    # GitPython would need a third of a run that changes nothing to be imported.
    log = _ask(git, root, "log", "-1", "--format=%H %ct", "--no-show-signature")
    if "dubious ownership" in log.error:
        raise DistgenError(
            "git does not read a catalogue that belongs to another user",
            where=root,
            hint=f"allow it with `git config --global --add safe.directory {root}`",
        )
    if log.code < 0:
        raise DistgenError(explain(log), where=root)
    if log.code:
        return None
    name, _, date = log.output.decode("ascii").strip().partition(" ")
    return name, int(date)


def _dirty_paths(git: Git, root: Path, inputs: Sequence[str]) -> tuple[str, ...]:
    """Return the paths of the catalogue that differ from the commit; git ignores some of them."""
    top = _ask(git, root, "rev-parse", "--show-toplevel")
    folder = os.fsdecode(top.output.removesuffix(b"\n")) if not top.code else str(root)
    located = locate_inputs(root, Path(folder), inputs)
    options = ("--porcelain=v1", "-z", "--untracked-files=all", "--ignored", "--no-renames", "--")
    with scratch_folder() as scratch:
        # A new index compares the files themselves. That of the clone may be told to skip some
        # files, and it takes line ends as equal that other clones do not have.
        git = replace(git, local={**git.local, "GIT_INDEX_FILE": str(scratch / "index")})
        status = _ask(git, root, *_SETTINGS, "read-tree", "HEAD")
        if not status.code:
            words = (*_SETTINGS, "status", *options, *located.paths)
            status = _ask(git, located.top, *words)
    if status.code:
        raise DistgenError(explain(status), where=root)
    lines = status.output.decode("utf-8", "replace").split("\0")
    # A file that git ignores is rendered all the same, and no clone has it.
    paths = (line[3:] for line in lines if line)
    # Only templates and overlays are read without what editors leave behind.
    folders = tuple(root.resolve() / folder for folder in LINKABLE)
    return (
        *(path for path in paths if not _is_skipped(located.top / path, folders)),
        *(f"{path} outside of its repository" for path in located.outside),
    )


def _is_skipped(path: Path, folders: tuple[Path, ...]) -> bool:
    return is_leftover(path.name) and any(path.is_relative_to(folder) for folder in folders)
