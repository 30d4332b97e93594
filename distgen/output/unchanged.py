"""Tell whether a folder holds a tree already, from the digest of its manifest alone."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from distgen.model.words import EXECUTABLE, MANIFEST, REGULAR
from distgen.output.files import first_link


def holds_tree(root: Path, place: Path, manifest_digest: str) -> bool:
    """Tell whether `place`, below `root`, has the manifest of a digest, and all files it names.

    The manifest names every file of a tree with its mode and digest. What cannot be read, or is
    reached through a link, is not there.
    """
    try:
        if first_link(root, place.relative_to(root)) is not None:
            return False
        files = dict(_regular_files(str(place), ""))
        if MANIFEST not in files:
            return False
        content = (place / MANIFEST).read_bytes()
        if hashlib.sha256(content).hexdigest() != manifest_digest:
            return False
        expected = json.loads(content)["files"]
        return files[MANIFEST] == REGULAR and all(
            files.get(path) == int(file["mode"], 8) and _digest(place, path) == file["sha256"]
            for path, file in expected.items()
        )
    except OSError:
        return False


def _regular_files(folder: str, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield the path and mode of each regular file below a folder; no link is followed."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _regular_files(entry.path, f"{prefix}{entry.name}/")
            elif entry.is_file(follow_symlinks=False):
                is_executable = entry.stat(follow_symlinks=False).st_mode & stat.S_IXUSR
                yield prefix + entry.name, EXECUTABLE if is_executable else REGULAR


def _digest(place: Path, path: str) -> str:
    return hashlib.sha256((place / path).read_bytes()).hexdigest()
