"""Say why a change would take a branch back to an older state of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable

from distgen.git.cat_file import ObjectReader
from distgen.git.commits import Commit, parse_commit, parse_person, parse_trailers
from distgen.git.run import run
from distgen.model.published import Change

Contains = Callable[[str, int], bool]
"""Says whether the catalogue's history has a commit, which was made at a time since 1970."""
_SOURCE = re.compile(r"(?:.*@)?([0-9a-f]{40}|[0-9a-f]{64})(?:-dirty)?")


def refuse_older(reader: ObjectReader, change: Change, contains: Contains) -> str:
    """Return why the change must not be made, "" when the branch is of this commit or an earlier.

    Without it, two jobs of two commits took turns: each took back what the other had published.
    """
    last = _last_publication(reader, change) if change.parent else None
    source = _SOURCE.fullmatch(
        parse_trailers(last.message).get("Distgen-Source", "") if last else ""
    )
    if last is None or source is None or contains(source[1], parse_person(last.committer).seconds):
        return ""
    return (
        f"it was published from commit {source[1][:12]} of the catalogue, which is not in the"
        " history of this one; publish from there, or choose --allow-older"
    )


def _last_publication(reader: ObjectReader, change: Change) -> Commit | None:
    """Return the newest commit of the branch in which distgen published this image and stream."""
    tip = _read(reader, change.parent or "", change)
    if tip is not None:
        return tip
    trailers = (f"Distgen-Image: {change.image}", f"Distgen-Stream: {change.stream}")
    words = [f"--grep={trailer}" for trailer in trailers]
    options = ("--max-count=1", "--topo-order", "--fixed-strings", "--all-match", *words)
    outcome = run(reader.git, "rev-list", *options, change.parent or "", folder=reader.folder)
    return _read(reader, outcome.output.decode("ascii").strip(), change)


def _read(reader: ObjectReader, oid: str, change: Change) -> Commit | None:
    """Return a commit when it says of itself that it published the image and stream."""
    item = reader.read(oid) if oid else None
    if item is None or item.kind != "commit":
        return None
    commit = parse_commit(item.content)
    trailers = parse_trailers(commit.message)
    image, stream = trailers.get("Distgen-Image"), trailers.get("Distgen-Stream")
    return commit if (image, stream) == (change.image, change.stream) else None
