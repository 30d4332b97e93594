"""Asks git which commit of its own history a catalogue stands on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from distgen.catalogue.template_files import is_leftover
from distgen.errors import DistgenError
from distgen.git.run import Git, explain, run
from distgen.git.temporary import scratch_folder

PARTS = ("distgen.yaml", "distgen.lock", "templates", "overlays")
_QUIET = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.quotePath=false"),
    *("-c", "core.sparseCheckout=false"),
    *("-c", "core.autocrlf=false"),
)


@dataclass(frozen=True, slots=True)
class CatalogueCommit:
    """The commit a catalogue stands on, None without one; `date` in seconds since 1970.

    `dirty` are its paths that differ from that commit.
    """

    commit: str | None
    date: int | None
    dirty: tuple[str, ...] = ()


def read_catalogue_commit(git: Git, root: Path) -> CatalogueCommit:
    """Return what git knows of the catalogue in `root`; only the catalogue's own files count."""
    head = run(git, "-C", str(root), "log", "-1", "--format=%H %ct", "--no-show-signature")
    if head.code:
        if "dubious ownership" in head.error:
            raise DistgenError(
                "git does not read a catalogue that belongs to another user",
                where=root,
                hint=f"allow it with `git config --global --add safe.directory {root}`",
            )
        return CatalogueCommit(None, None)
    commit, _, date = head.output.decode("ascii").strip().partition(" ")
    options = ("--porcelain=v1", "-z", "--untracked-files=all", "--ignored", "--no-renames", "--")
    with scratch_folder() as scratch:
        # An index of its own looks at the files themselves: that of the clone may be told to pass
        # over some, and takes line ends for the same that nobody else will get.
        index = {"GIT_INDEX_FILE": str(scratch / "index")}
        fresh = replace(git, local={**git.local, **index})
        status = run(fresh, *_QUIET, "-C", str(root), "read-tree", "HEAD")
        if not status.code:
            status = run(fresh, *_QUIET, "-C", str(root), "status", *options, *PARTS)
    if status.code:
        raise DistgenError(explain(status), where=root)
    lines = status.output.decode("utf-8", "replace").split("\0")
    # What git ignores is rendered all the same, and nobody else has it.
    paths = (line[3:] for line in lines if line)
    found = tuple(path for path in paths if not is_leftover(path.rpartition("/")[2]))
    return CatalogueCommit(commit, int(date), found)
