"""Read which commit of the catalogue a branch was published from."""

from __future__ import annotations

from distgen.git.cat_file import ObjectReader
from distgen.git.commits import Commit, parse_commit, parse_trailers
from distgen.git.run import run
from distgen.model.published import Change, Provenance
from distgen.model.words import is_committed


def source_of(publication: Commit | None) -> str:
    """Return the source that a publication names, "" for none."""
    return parse_trailers(publication.message).get("Distgen-Source", "") if publication else ""


def last_publication(reader: ObjectReader, change: Change) -> Commit | None:
    """Return the newest commit of the branch in which distgen published this image and stream."""
    tip = _read(reader, change.parent or "", change)
    if tip is not None or change.parent is None:
        return tip
    trailers = (f"Distgen-Image: {change.image}", f"Distgen-Stream: {change.stream}")
    words = [f"--grep={trailer}" for trailer in trailers]
    options = ("--max-count=1", "--topo-order", "--fixed-strings", "--all-match", *words)
    outcome = run(reader.git, "rev-list", *options, change.parent, folder=reader.folder)
    return _read(reader, outcome.output.decode("ascii").strip(), change)


def can_restamp(change: Change, reader: ObjectReader, origin: Provenance) -> bool:
    """Say whether a branch came from uncommitted files that the present commit gives as well."""
    if change.status != "unchanged" or not is_committed(origin.source):
        return False
    source = source_of(last_publication(reader, change))
    return bool(source) and not is_committed(source)


def _read(reader: ObjectReader, oid: str, change: Change) -> Commit | None:
    """Return a commit when it says of itself that it published the image and stream."""
    item = reader.read(oid) if oid else None
    if item is None or item.kind != "commit":
        return None
    commit = parse_commit(item.content)
    trailers = parse_trailers(commit.message)
    image, stream = trailers.get("Distgen-Image"), trailers.get("Distgen-Stream")
    return commit if (image, stream) == (change.image, change.stream) else None
