"""Make temporary folders, and remove those that killed runs left."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from distgen.errors import DistgenError

_SCRATCH = "distgen-scratch-"
_RANDOM = "[a-z0-9_]{8}"  # what tempfile adds to a prefix


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a folder that is deleted at the end; refuse a disk that is full or read-only."""
    import tempfile  # few runs write any, and it takes long to import

    try:
        root = Path(tempfile.gettempdir())
        remove_abandoned(root, f"{_SCRATCH}{_RANDOM}")
        with held_folder(root, _SCRATCH) as folder:
            yield folder
    except OSError as error:
        # tempfile lists every folder that it tried.
        reason = (error.strerror or "").partition(" in [")[0]
        raise DistgenError(
            f"no temporary file can be written: {reason}",
            hint="make room, or name another folder in TMPDIR",
        ) from None


@contextmanager
def held_folder(root: Path, prefix: str) -> Iterator[Path]:
    """Yield a new folder in `root` that belongs to this process, and is deleted at the end."""
    folder, descriptor = _make_held(root, prefix)
    try:
        yield folder
    finally:
        _remove_tree(folder)
        os.close(descriptor)


def _make_held(root: Path, prefix: str) -> tuple[Path, int]:
    """Make a folder and hold it; another run may remove it before it is held."""
    import tempfile

    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            # The system gives the lock back when the process ends, however it ends.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return folder, descriptor
            os.close(descriptor)


def remove_abandoned(root: Path, pattern: str) -> None:
    """Remove this user's folders of such names in `root` that no living process holds."""
    # After a kill -9 they stayed for ever: 18 after 12 kills.
    with suppress(OSError):
        for entry in os.scandir(root):
            if re.fullmatch(pattern, entry.name) and entry.is_dir(follow_symlinks=False):
                _remove_if_abandoned(Path(entry.path))


def _remove_if_abandoned(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            if os.fstat(descriptor).st_uid != os.geteuid():
                return
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove_tree(folder)
        finally:
            os.close(descriptor)


def _remove_tree(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
