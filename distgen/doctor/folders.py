"""Examine folders that distgen writes to: whose they are, how large, and how much room is left."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from distgen.doctor.records import Diagnosis, Health

_LITTLE_ROOM, _NO_ROOM = 1 << 30, 64 << 20
_MOST_FILES = 1_000_000


def examine_folder(check: str, folder: Path, option: str) -> Iterator[Diagnosis]:
    """Examine a folder that may be lost; `option` names what chooses another."""
    subject, base = str(folder), nearest_existing(folder)
    action = f"repair it, or name another with {option}"
    if problem := writing_problem(base):
        at = "" if base == folder else f"{base}: "
        yield Diagnosis(check, subject, "error", f"{at}{problem}", action)
        return
    owner = folder.stat().st_uid if folder.exists() else os.geteuid()
    if owner != os.geteuid():
        detail = f"belongs to user {owner}, and what is in it is not used"
        yield Diagnosis(check, subject, "warning", detail, action)
    elif folder.exists():
        yield Diagnosis(check, subject, "ok", f"can be written, holds {_size(_content(folder))}")
    else:
        yield Diagnosis(check, subject, "ok", "is not there yet, and can be made")


def examine_room(folder: Path) -> Diagnosis:
    """Examine how much room a disk has."""
    base = nearest_existing(folder)
    try:
        free = shutil.disk_usage(base).free
    except OSError as error:
        return Diagnosis("disk", str(base), "error", f"cannot be asked: {error.strerror}")
    if free < _LITTLE_ROOM:
        status: Health = "error" if free < _NO_ROOM else "warning"
        return Diagnosis("disk", str(base), status, f"has {_size(free)} left", "make room")
    return Diagnosis("disk", str(base), "ok", f"has {_size(free)} left")


def nearest_existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that there is."""
    return next(path for path in (folder, *folder.parents) if os.path.lexists(path))


def writing_problem(folder: Path) -> str:
    """Return why nothing can be written into a folder, "" where something can: it is tried."""
    try:
        with tempfile.TemporaryFile(prefix=".distgen-doctor-", dir=folder):
            return ""
    except OSError as error:
        if not folder.is_dir():
            return "it is not a folder"
        return f"cannot be written: {(error.strerror or str(error)).lower()}"


def _content(folder: Path) -> int:
    """Return the bytes of the files below a folder, the first million of them."""
    total = count = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(path, name).lstat().st_size
        count += len(names)
        if count > _MOST_FILES:
            break
    return total


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
