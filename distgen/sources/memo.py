"""Keeps what a source computed from one run to the next; losing it costs time only."""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

_DIGEST = 32


def load(folder: Path | None, name: str) -> Any:
    """Return what this version of Python saved under a name, None if that is not readable."""
    if folder is None:
        return None
    try:
        content = _path(folder, name).read_bytes()
    except OSError:
        return None
    digest, payload = content[:_DIGEST], content[_DIGEST:]
    # marshal trusts its input, so a file that was cut short must never reach it
    if hashlib.sha256(payload).digest() != digest:
        return None
    return marshal.loads(payload)


def save(folder: Path | None, name: str, value: Any) -> None:
    """Write plain values and code objects; a folder that cannot be written is left alone."""
    if folder is None:
        return
    payload = marshal.dumps(value)
    target = _path(folder, name)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=target.name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(payload).digest() + payload)
        Path(temporary).replace(target)
    except OSError:
        return


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.{sys.implementation.cache_tag}"
