"""Make temporary folders."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distgen.errors import DistgenError


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a folder that is deleted at the end; refuse a disk that is full or read-only."""
    try:
        with tempfile.TemporaryDirectory(prefix="distgen-") as name:
            yield Path(name)
    except OSError as error:
        reason = (error.strerror or "").partition(" in [")[
            0
        ]  # tempfile lists every folder that it tried
        raise DistgenError(
            f"no temporary file can be written: {reason}",
            hint="make room, or name another folder in TMPDIR",
        ) from None
