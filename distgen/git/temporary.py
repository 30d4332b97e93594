"""Make temporary folders."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distgen.errors import DistgenError


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a folder that is gone in the end; a disk that is full or read-only is a sentence."""
    try:
        with tempfile.TemporaryDirectory(prefix="distgen-") as name:
            yield Path(name)
    except OSError as error:
        reason = (error.strerror or "").partition(" in [")[0]  # tempfile lists all it has tried
        raise DistgenError(
            f"no temporary file can be written: {reason}",
            hint="make room, or name another folder in TMPDIR",
        ) from None
