"""Read a file that may be anything, of any size."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from distgen.errors import InputError
from distgen.model.words import Origin


def read_bounded(file: Path, path: str, limit: int) -> bytes:
    """Read a file of at most `limit` bytes; `path` is its name in messages.

    Raise FileNotFoundError for one that is not there, and InputError for a folder, for a pipe or
    device, which might wait or write for ever, and for what is larger.
    """
    try:
        # A pipe in place of the lock kept `render` waiting for ever: without a writer, an ordinary
        # `open` does not return. A link to /dev/zero took all memory.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise InputError("is not a file", where=Origin(path))
            if status.st_size > limit:
                raise InputError(f"is larger than {limit // 2**20} MiB", where=Origin(path))
            with open(descriptor, "rb", closefd=False) as stream:
                content = stream.read()
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Origin(path)) from None
    return content
