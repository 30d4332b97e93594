"""The log of one image: shown line by line, kept in a file, and asked why the build failed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import IO

from distgen.model.catalogue import Image

_SAYS_WHY = re.compile(r"\berror\b|^fatal:", re.IGNORECASE)
_MOST_CHARACTERS = 300
"""Of a line that is repeated in a result."""


class ImageLog:
    """Takes the lines of one image; what cannot be written never disturbs the build."""

    def __init__(self, image: Image, folder: Path | None, show: Callable[[str, str], None]) -> None:
        self.trouble = ""
        self._key = image.key
        self._show = show
        self._last = self._error = ""
        self._path = folder and folder / image.namespace / image.name / f"{image.stream.name}.log"
        self._file: IO[str] | None = None

    def __enter__(self) -> ImageLog:
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("w", encoding="utf-8", buffering=1)
            except OSError as error:
                self._note(error)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._note(error)

    def __call__(self, line: str) -> None:
        """Take one line, without its end."""
        if line.strip():
            self._last = line.strip()
            self._error = self._last if _SAYS_WHY.search(line) else self._error
        self._show(self._key, line)
        if self._file is not None and not self.trouble:
            try:
                self._file.write(f"{line}\n")
            except OSError as error:
                self._note(error)

    def reason(self) -> str:
        """Return the last line that speaks of an error, or the last of all."""
        return (self._error or self._last)[:_MOST_CHARACTERS]

    def _note(self, error: OSError) -> None:
        self.trouble = f"{self._path}: {error.strerror}; the log is not complete"
