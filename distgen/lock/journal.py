"""Remember the facts of an interrupted `distgen lock`, so that the next run continues there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from distgen.cache.results import read_own_file
from distgen.lock.plan import Fact, Key
from distgen.model.lock import LockedBase, LockedSource

_RECORDS: Mapping[str, Any] = {"base": LockedBase, "source": LockedSource}
_PLAIN: Mapping[str, Any] = {"download": str, "tags": tuple}


class Journal:
    """A file that gets one line per fact, and is removed once the lock is written.

    A journal from before `oldest` (seconds since 1970) is dropped, because tags move. Without a
    folder, and where no file can be written, no fact is remembered.
    """

    def __init__(self, folder: Path | None, purpose: Iterable[str], oldest: float) -> None:
        # A run with other needs or another lock has another journal.
        name = hashlib.sha256("\0".join(purpose).encode()).hexdigest()[:24]
        self.path = folder / f"lock-{name}.jsonl" if folder else Path(os.devnull, name)
        self._oldest = oldest
        self._file: IO[str] | None = None

    def __enter__(self) -> Journal:
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and self.path.stat().st_mtime < self._oldest:
                self.path.unlink()
            self._file = open(self.path, "a", encoding="utf-8", opener=_open_own)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, key: Key, fact: Fact) -> None:
        """Write one fact down at once, on a line of its own even after one that was cut off."""
        plain = fact if isinstance(fact, str | tuple) else asdict(fact)
        if self._file is not None:
            self._file.write("\n" + json.dumps([key, plain]))
            self._file.flush()

    def read(self) -> dict[Key, Fact]:
        """Return the facts of an earlier run, without lines that were cut off."""
        facts: dict[Key, Fact] = {}
        # What somebody else wrote would get into the lock.
        for line in read_own_file(self.path).decode("utf-8", "replace").splitlines():
            with suppress(ValueError, TypeError, KeyError):
                (kind, name, ref), plain = json.loads(line)
                facts[(kind, name, ref)] = _fact(kind, plain)
        return facts

    def forget(self) -> None:
        """Remove the file: the lock holds everything now."""
        with suppress(OSError):
            self.path.unlink()


def _open_own(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)


def _fact(kind: str, plain: Any) -> Any:
    return _PLAIN[kind](plain) if kind in _PLAIN else _RECORDS[kind](**plain)
