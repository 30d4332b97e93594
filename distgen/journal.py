"""Remember what an interrupted `distgen lock` had found out, so that the next run goes on there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from distgen.lockplan import Fact, Key
from distgen.model import LockedBase, LockedSource

_RECORDS: Mapping[str, Any] = {"base": LockedBase, "source": LockedSource, "download": str}


class Journal:
    """A file that gets one line per fact, and is removed once the lock is written."""

    def __init__(self, folder: Path, purpose: Iterable[str]) -> None:
        # Another question, or the same one of another lock, has another journal.
        name = hashlib.sha256("\0".join(purpose).encode()).hexdigest()[:24]
        self.path = folder / f"lock-{name}.jsonl"

    def __enter__(self) -> Journal:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, key: Key, fact: Fact) -> None:
        """Write one fact down at once."""
        plain = fact if isinstance(fact, str) else asdict(fact)
        self._file.write(json.dumps([key, plain]) + "\n")
        self._file.flush()

    def read(self) -> dict[Key, Fact]:
        """Return the facts of an earlier run; a line that was cut off ends it."""
        found: dict[Key, Fact] = {}
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
            for line in lines:
                (kind, name, ref), plain = json.loads(line)
                record = _RECORDS[kind]
                found[(kind, name, ref)] = record(**plain) if kind != "download" else str(plain)
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            pass
        return found

    def forget(self) -> None:
        """Remove the file: the lock holds everything now."""
        self.path.unlink(missing_ok=True)
