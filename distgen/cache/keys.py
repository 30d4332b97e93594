"""Name a result by all that it depends on: content, and the code that computed it."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from distgen import __version__

_PACKAGE = Path(__file__).parent.parent
_METADATA = (".dist-info", ".egg-info")


@dataclass(frozen=True, slots=True)
class CacheKey:
    """The name of a result: a word for its kind, and the JSON of that and what it depends on."""

    kind: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode("ascii")).hexdigest()


def cache_key(kind: str, *parts: Any) -> CacheKey:
    """Return the key of a result that depends on `parts`, which are plain JSON values.

    A file is a part by the digest of its content, a linter by its version and options. The code of
    distgen and what is installed with it are added here. `kind` is a word that may be a file's
    name.
    """
    words = [kind, __version__, _code_digest(), *parts]
    return CacheKey(kind, json.dumps(words, separators=(",", ":"), sort_keys=True))


def content_digest(content: bytes) -> str:
    """Return the digest that stands for content in keys."""
    return hashlib.sha256(content).hexdigest()


@cache
def _code_digest() -> str:
    """Return a digest of distgen's code, of this Python, and of the packages beside distgen.

    In a checkout the code changes and the version does not. Another Jinja2 may render otherwise.
    """
    records = sorted(_PACKAGE.parent.glob("distgen*.dist-info/RECORD"))
    code = [record.read_text(encoding="utf-8", errors="replace") for record in records]
    if not code:
        code = [f"{path}:{size}:{changed}" for path, size, changed in _code_files(_PACKAGE)]
    lines = [sys.version, *_installed_packages(), *code]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()


def _installed_packages() -> list[str]:
    """Return names and versions of what is installed; its own library takes long to import."""
    names: list[str] = []
    for folder in filter(None, dict.fromkeys(sys.path)):
        with suppress(OSError):
            names += (entry.name for entry in os.scandir(folder) if entry.name.endswith(_METADATA))
    return sorted(names)


def _code_files(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Yield path, size and time of each file of code below a folder."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _code_files(Path(entry.path))
        elif entry.is_file() and not entry.name.endswith(".pyc"):
            status = entry.stat()
            yield entry.path, status.st_size, status.st_mtime_ns
