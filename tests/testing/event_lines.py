"""What `--events` wrote, held to its schema: the way in which tests read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from distgen.schema.packaged import validator_of


def read_events(path: Path, kind: str = "events") -> list[dict[str, Any]]:
    """Return the events of a file, each held to the schema of its kind."""
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for event in events:
        validator_of(kind).validate(event)
    return events
