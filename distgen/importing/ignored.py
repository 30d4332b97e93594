"""Ask git which files of an import it would leave out of a commit of the catalogue."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from distgen.git.run import Git, run


def ignored_files(git: Git, root: Path, new: Iterable[Path]) -> tuple[str, ...]:
    """Return the new files that git ignores, as it is set up for this user; () without git."""
    # A new folder counts with all below it, which is named on its own, too.
    paths = dict.fromkeys(os.path.relpath(path, root) for top in new for path in _files(top))
    words = ("-C", str(root), "check-ignore", "-z", "--stdin")
    stdin = b"".join(os.fsencode(path) + b"\0" for path in paths)
    result = run(git, *words, stdin=stdin, network=True)
    return tuple(map(os.fsdecode, filter(None, result.output.split(b"\0"))))


def _files(top: Path) -> Iterable[str]:
    if not top.is_dir():
        return [str(top)]
    return [f"{folder}/{name}" for folder, _, names in os.walk(top) for name in names]
