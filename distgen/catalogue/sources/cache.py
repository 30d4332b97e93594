"""Keeps results of a source from one run to the next; losing them costs time only."""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

from distgen import __version__

_DIGEST = 32
_WRITER = importlib.util.MAGIC_NUMBER + __version__.encode()


def load_entry(folder: Path | None, name: str) -> Any:
    """Return what this user, Python and distgen saved under a name, None if nothing was."""
    if folder is None:
        return None
    content = _read_safely(_path(folder, name))
    digest, payload = content[:_DIGEST], content[_DIGEST:]
    # marshal trusts its input, so a file that was cut short must never reach it
    if _digest(payload) != digest:
        return None
    return marshal.loads(payload)


def save_entry(folder: Path | None, name: str, value: Any) -> None:
    """Write plain values and code objects; a folder that cannot be written is left alone."""
    if folder is None:
        return
    payload = marshal.dumps(value)
    target = _path(folder, name)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=target.name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_digest(payload) + payload)
        Path(temporary).replace(target)
    except OSError:
        return


def _read_safely(path: Path) -> bytes:
    """Read a file that only this user can have written: code in it is run."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            is_own = status.st_uid == os.geteuid()
            is_safe = is_own and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            return file.read() if is_safe and stat.S_ISREG(status.st_mode) else b""
    except OSError:
        return b""


def _digest(payload: bytes) -> bytes:
    return hashlib.sha256(_WRITER + payload).digest()


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.{sys.implementation.cache_tag}"
