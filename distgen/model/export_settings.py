"""What a catalogue says of the formats whose files stand in each repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from distgen.model.words import NOWHERE, KeyPath, Origin


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What a namespace and an image say of one format; the image wins.

    `origins` has the line of each key of `values`; at () is that of `exports`, which asks for the
    format.
    """

    format: str
    values: Mapping[str, Any]
    origins: Mapping[KeyPath, Origin] = field(default_factory=dict, repr=False, compare=False)

    def origin(self, *key: str | int) -> Origin:
        """Return the line of a key, or of the nearest key above it."""
        while key and key not in self.origins:
            key = key[:-1]
        return self.origins.get(key, NOWHERE)
