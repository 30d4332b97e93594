"""Merge three versions of a file the way git does, by asking it."""

from __future__ import annotations

from distgen.errors import DistgenError
from distgen.git.run import Git, explain, run
from distgen.git.temporary import scratch_folder
from distgen.publish.edits import Merge

_CONFLICTS = range(1, 128)  # git merge-file ends with their number; more is an error


def three_way_merge(git: Git) -> Merge:
    """Return the function that applies two changes of one text, None when they conflict."""

    def merge(base: bytes, current: bytes, new: bytes) -> bytes | None:
        with scratch_folder() as folder:
            paths = [folder / name for name in ("present", "base", "new")]
            for path, content in zip(paths, (current, base, new), strict=True):
                path.write_bytes(content)
            outcome = run(git, "merge-file", "-p", "-q", *map(str, paths))
        if outcome.code == 0:
            return outcome.output
        if outcome.code in _CONFLICTS:
            return None
        # An error of the one image: any other error ended the run and took all images with it.
        raise DistgenError(f"the edit cannot be merged: {explain(outcome)}")

    return merge
