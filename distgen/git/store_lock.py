"""Let one run at a time use a store: others wait for it, or say that it is in use."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.run import INTERRUPTED, Git

LOCK = "distgen.lock"
_POLL = 0.1  # seconds between two attempts
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def locked_store(
    folder: Path, git: Git, seconds: float, report: Callable[[str], None]
) -> Iterator[None]:
    """Hold the lock of a store; wait for another run at most some `seconds`, and report that."""
    descriptor = _acquire(folder, git, seconds, report)
    try:
        yield
    finally:
        # The system gives it back at the end of a process, but one that was forked may live on.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _acquire(folder: Path, git: Git, seconds: float, report: Callable[[str], None]) -> int:
    deadline = time.monotonic() + seconds
    is_reported = False
    while (descriptor := _try_lock(folder / LOCK)) is None:
        if not is_reported:
            report(f"{folder}: waiting for another run of distgen that uses this store")
            is_reported = True
        if git.stop.wait(_POLL):
            raise DistgenError(INTERRUPTED)
        if time.monotonic() >= deadline:
            raise DistgenError(
                "another run of distgen is using this store",
                where=folder,
                hint="wait for it, or choose another --store",
            )
    return descriptor


def _try_lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock, None while another process holds it."""
    try:
        descriptor = os.open(path, _FLAGS, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BlockingIOError:
            pass
        except OSError:
            os.close(descriptor)
            raise
        # Another run has it, or it was deleted meanwhile and the next one has another file.
        os.close(descriptor)
    except OSError as error:
        problem = f"cannot be used as the store: {error.strerror}"
        raise DistgenError(problem, where=path.parent) from None
    return None
