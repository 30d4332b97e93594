"""Keep the entries of a cache within a size, without a clock and without counting each time."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GROWTH = "growth"
_UNIT = 2**20
_BLOCK = 4096  # what the smallest file takes on a disk
_DEPTH = 2  # folders above an entry: its kind, and the begin of its digest
_ENTRY = re.compile(r"[0-9a-f]{62}|\.[0-9]+-[0-9]+-[0-9a-f]{16}")  # or one that is being written
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OLD = 3600 * 10**9  # nanoseconds; what is being written is younger


def note_growth(folder: Path, name: str, size: int, max_bytes: int) -> None:
    """Note that an entry of some size was written; prune when a tenth of all was since.

    A file grows by one byte for each MiB. Smaller entries add one by chance, which their names
    decide, so that the sum is right and most writes cost nothing.
    """
    whole, rest = divmod(max(size, _BLOCK), _UNIT)
    units = whole + (int(name[:8], 16) * _UNIT < rest * 2**32)
    if not units:
        return
    descriptor = os.open(folder / GROWTH, _APPEND, 0o600)
    try:
        status = os.fstat(descriptor)
        # What another name leads to is no journal, and must not be emptied.
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            return
        os.write(descriptor, b"." * units)
        written = os.fstat(descriptor).st_size * _UNIT
        if written > max_bytes // 10:
            os.ftruncate(descriptor, 0)
            prune(folder, max_bytes)
    finally:
        os.close(descriptor)


def prune(folder: Path, max_bytes: int) -> None:
    """Remove the entries that were not used for longest until the others fit well."""
    entries = sorted(_entries(folder))
    total = sum(size for _, size, _ in entries)
    newest = entries[-1][0] if entries else 0
    for used, size, path in entries:
        is_leftover = Path(path).name.startswith(".") and newest - used > _OLD
        if total > max_bytes * 9 // 10 or is_leftover:
            with suppress(OSError):
                Path(path).unlink()
            total -= size


def _entries(folder: Path | str, depth: int = 0) -> Iterator[tuple[int, int, str]]:
    """Yield time of last use, size and path of each entry below a folder.

    Its name and place tell an entry from a file of somebody else, which a link may lead to.
    """
    with suppress(OSError):
        for entry in os.scandir(folder):
            if depth < _DEPTH and entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path, depth + 1)
            elif depth == _DEPTH and _ENTRY.fullmatch(entry.name):
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    yield status.st_mtime_ns, max(status.st_size, _BLOCK), entry.path
