"""Asks git which commit of its own history a catalogue stands on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distgen.catalog.folder import is_leftover
from distgen.errors import DistgenError
from distgen.store.git import Git, explain, run

PARTS = ("distgen.yaml", "distgen.lock", "templates", "overlays")
_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false")


@dataclass(frozen=True, slots=True)
class Stand:
    """The commit a catalogue stands on, None without one; `date` in seconds since 1970.

    `dirty` are its paths that differ from that commit.
    """

    commit: str | None
    date: int | None
    dirty: tuple[str, ...] = ()


def stand(git: Git, root: Path) -> Stand:
    """Return what git knows of the catalogue in `root`; only the catalogue's own files count."""
    head = run(git, "-C", str(root), "log", "-1", "--format=%H %ct", "--no-show-signature")
    if head.code:
        if "dubious ownership" in head.error:
            raise DistgenError(
                "git does not read a catalogue that belongs to another user",
                where=root,
                hint=f"allow it with `git config --global --add safe.directory {root}`",
            )
        return Stand(None, None)
    commit, _, date = head.output.decode("ascii").strip().partition(" ")
    options = ("--porcelain=v1", "-z", "--untracked-files=all", "--ignored", "--no-renames", "--")
    status = run(git, *_QUIET, "-C", str(root), "status", *options, *PARTS)
    if status.code:
        raise DistgenError(explain(status), where=root)
    lines = status.output.decode("utf-8", "replace").split("\0")
    # What git ignores is rendered all the same, and nobody else has it.
    paths = (line[3:] for line in lines if line)
    found = tuple(path for path in paths if not is_leftover(path.rpartition("/")[2]))
    return Stand(commit, int(date), found)
