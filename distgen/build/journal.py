"""Remember what the images of an engine's store were made from; deleting it loses nothing.

It stands in the cache and not in a label: an image is the same as one that is built by hand.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from distgen.errors import DistgenError
from distgen.output.files import replace_file


@dataclass(frozen=True, slots=True)
class BuildJournal:
    """One file for each reference, in a folder for each engine."""

    folder: Path

    def is_made_from(self, reference: str, image_id: str, inputs: str) -> bool:
        """Tell whether distgen made the image with this id, and from these inputs."""
        try:
            entry = json.loads(self._path(reference).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(entry == {"image": image_id, "inputs": inputs})

    def write(self, reference: str, image_id: str, inputs: str) -> None:
        """Remember what an image was made from, in place of what stood there before."""
        path = self._path(reference)
        # What is not remembered is built once more: no reason to let an image fail that is there.
        with suppress(OSError, DistgenError):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps({"image": image_id, "inputs": inputs}))

    def _path(self, reference: str) -> Path:
        return self.folder / f"{hashlib.sha256(reference.encode()).hexdigest()[:32]}.json"
