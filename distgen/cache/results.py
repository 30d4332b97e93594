"""Load and save results below the cache folder, safe to lose, to share and to delete at any time.

An entry is a file of three lines: the digest of the other two, the key, and the result as JSON. It
is read only when this user alone can have written it, and when digest and key are right; all else
is as if it were not there. So a damaged or foreign entry never changes what distgen does.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from distgen.cache.keys import CacheKey
from distgen.cache.pruning import note_growth

Result = TypeVar("Result")
FOLDER = "results"
_LARGEST_ENTRY = 64 * 2**20
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Cache:
    """Where results are kept; without a folder nothing is, and else only where `is_written`.

    `max_bytes` is about what all entries may take together: the least recently used ones go.
    """

    folder: Path | None = None
    max_bytes: int = 512 * 2**20
    is_written: bool = True


NO_CACHE = Cache()


def load_result(
    cache: Cache, key: CacheKey, decode: Callable[[Any], Result] = lambda value: value
) -> Result | None:
    """Return the result that was saved under a key, as `decode` makes it; None if none was.

    A result that `decode` cannot take is none.
    """
    if cache.folder is None:
        return None
    head = f"{key.text}\n".encode("ascii")
    content = read_own_file(_path(cache.folder, key), cache.is_written)
    digest, _, entry = content.partition(b"\n")
    if digest.decode("latin-1") != hashlib.sha256(entry).hexdigest() or not entry.startswith(head):
        return None
    try:
        return decode(json.loads(entry[len(head) :]))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def save_result(cache: Cache, key: CacheKey, value: Any) -> None:
    """Keep a result, a plain JSON value; a folder that cannot be written is left alone."""
    if cache.folder is None or not cache.is_written:
        return
    # No part is copied once more: that of a large catalogue takes a tenth of all its memory.
    parts = (f"{key.text}\n".encode("ascii"), _dump(value), b"\n")
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    head = f"{digest.hexdigest()}\n".encode("ascii")
    size = len(head) + sum(map(len, parts))
    if size > _LARGEST_ENTRY:
        return
    path = _path(cache.folder, key)
    with suppress(OSError):
        _write_file(path, (head, *parts))
        note_growth(cache.folder / FOLDER, path.name, size, cache.max_bytes)


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _path(folder: Path, key: CacheKey) -> Path:
    digest = key.digest
    return folder / FOLDER / key.kind / digest[:2] / digest[2:]


def read_own_file(path: Path, is_noted: bool = False) -> bytes:
    """Read a file that only this user can have written, b"" where there is none.

    That it was used `is_noted` in its time.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        status = os.fstat(descriptor)
        is_own = status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_MAY_WRITE
        is_plain = stat.S_ISREG(status.st_mode) and status.st_nlink <= 1  # 0: replaced just now
        if not is_own or not is_plain or status.st_size > _LARGEST_ENTRY:
            return b""
        if is_noted:
            with suppress(OSError):
                os.utime(descriptor)  # what is used stays when others are pruned
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(_LARGEST_ENTRY)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _write_file(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file in one step; a killed run leaves at most a file that pruning removes."""
    scratch = path.with_name(f".{os.getpid()}-{threading.get_ident()}-{path.name[:16]}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(scratch, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(scratch, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.writelines(parts)
        scratch.replace(path)
    except OSError:
        with suppress(OSError):
            scratch.unlink()
        raise
