"""Keep the entries of a cache within a size, without a clock and without counting each time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GROWTH = "growth"
_UNIT = 2**20
_BLOCK = 4096  # what the smallest file takes on a disk
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
    journal = folder / GROWTH
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(journal, flags, 0o600)
    try:
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


def _entries(folder: Path | str) -> Iterator[tuple[int, int, str]]:
    """Yield time of last use, size and path of each entry below a folder."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path)
            elif entry.name != GROWTH:
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    yield status.st_mtime_ns, max(status.st_size, _BLOCK), entry.path
