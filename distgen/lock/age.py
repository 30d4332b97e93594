"""Find out when the lock was last changed."""

from __future__ import annotations

from pathlib import Path

from distgen.git.run import Git, run
from distgen.model.lock import LOCK_FILE


def read_change_time(git: Git, root: Path) -> float | None:
    """Return when the lock of a catalogue changed, in seconds since 1970; None: that is unknown.

    It is the date of the last commit that changed it, or of the file where it is not committed.
    """
    path = root / LOCK_FILE
    if not path.is_file():
        return None
    # The paths are for git's isolated configuration, in which no glob has a meaning.
    changes = run(git, "-C", str(root), "status", "--porcelain", "--ignored", "--", LOCK_FILE)
    log = run(git, "-C", str(root), "log", "-1", "--format=%ct %P", "--", LOCK_FILE)
    words = log.output.decode("ascii", "replace").split()
    if changes.code or log.code or changes.output.strip() or not words:
        return path.stat().st_mtime
    seconds, *parents = words
    if not parents and _is_shallow(git, root):
        return None  # the history ends there, and the change may be older
    return float(seconds)


def _is_shallow(git: Git, root: Path) -> bool:
    answer = run(git, "-C", str(root), "rev-parse", "--is-shallow-repository")
    return answer.output.strip() == b"true"
