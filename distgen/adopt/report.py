"""What became of downstream edits as JSON: an object for each branch, and how many of each fate."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from distgen.adopt.patches import Adopted
from distgen.git.run import hide_secrets


def report(adopted: Iterable[Adopted]) -> str:
    """Return the JSON of adopt; its keys are stable."""
    found = tuple(adopted)
    counts = Counter(one.status for one in found)
    whole = {"results": [_row(one) for one in found], "summary": dict(sorted(counts.items()))}
    return json.dumps(whole, indent=2)


def _row(one: Adopted) -> dict[str, Any]:
    return {
        "image": one.image.full_name,
        "stream": one.image.stream.name,
        "url": hide_secrets(one.image.url),
        "branch": one.image.stream.branch,
        "status": one.status,
        "commit": one.commit,
        "files": [file.source for file in one.files],
        "touches": list(one.touches),
        "edits": [{"path": edit.path, "kind": edit.kind, "diff": edit.diff} for edit in one.edits],
        "detail": one.detail,
    }
