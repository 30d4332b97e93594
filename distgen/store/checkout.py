"""Write one commit of a catalogue's own history into a folder, as a clone of it would have it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from distgen.errors import DistgenError
from distgen.store.git import Git, explain, run
from distgen.store.history import PARTS

_WHOLE = (
    *("-c", "core.sparseCheckout=false"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.splitIndex=false"),
)


@dataclass(frozen=True, slots=True)
class History:
    """The repository that a catalogue lies in; `prefix` is its folder below the root, or empty."""

    git: Git
    folder: Path
    prefix: str
    is_shallow: bool = False


def history(git: Git, root: Path) -> History | None:
    """Return the repository that holds the catalogue in `root`, None where it is in none."""
    words = ("--absolute-git-dir", "--show-prefix", "--is-shallow-repository")
    found = run(git, "-C", str(root), "rev-parse", *words)
    if found.code:
        if "dubious ownership" in found.error:
            raise DistgenError(
                "git does not read a catalogue that belongs to another user",
                where=root,
                hint=f"work on a clone of your own: git clone {root}",
            )
        return None
    folder, prefix, shallow = found.output.decode("utf-8", "surrogateescape").split("\n")[:3]
    return History(git, Path(folder), prefix, shallow == "true")


def date(past: History, commit: str) -> int | None:
    """Return when a commit was made; None when it is in no branch or tag of the repository.

    A commit that merely lies about, such as one of a fork's, was never the catalogue.
    """
    found = run(past.git, "log", "-1", "--format=%ct", commit, "--", folder=past.folder)
    if found.code:
        return None
    merged = run(past.git, "merge-base", "--is-ancestor", commit, "HEAD", folder=past.folder)
    if merged.code:
        options = ("--count=1", f"--contains={commit}", "--format=%(refname)")
        kinds = ("refs/heads", "refs/remotes", "refs/tags")
        if not run(past.git, "for-each-ref", *options, *kinds, folder=past.folder).output:
            return None
    return int(found.output)


def newest(past: History, count: int) -> tuple[str, ...]:
    """Return the newest commits of the present branch that changed the catalogue."""
    parts = (past.prefix + part for part in PARTS)
    options = (f"--max-count={count}", "HEAD")
    found = run(past.git, "rev-list", *options, "--", *parts, folder=past.folder)
    return tuple(found.output.decode("ascii").split()) if found.code == 0 else ()


@contextmanager
def checked_out(past: History, commit: str) -> Iterator[Path]:
    """Write the files of a commit; yield the catalogue's folder, which is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="distgen-") as name:
        place = Path(name) / "tree"
        place.mkdir()
        index = {"GIT_INDEX_FILE": str(Path(name) / "index")}
        git = replace(past.git, local={**past.git.local, **index})
        where = ("--work-tree", str(place), *_WHOLE)
        done = run(git, *where, "read-tree", "--reset", "-u", commit, folder=past.folder)
        if done.code:
            raise DistgenError(f"{commit} cannot be read: {explain(done)}", where=past.folder)
        yield place / past.prefix
