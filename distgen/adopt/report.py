"""What came of downstream edits as JSON: an object for each branch, and how many of each status."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from distgen.adopt.records import Adoption
from distgen.git.run import hide_secrets
from distgen.text.diff import cap_diff


def format_report(adoptions: Sequence[Adoption]) -> str:
    """Return the JSON of adopt; its keys are stable."""
    counts = Counter(adoption.status for adoption in adoptions)
    rows = [_row(adoption) for adoption in adoptions]
    return json.dumps({"results": rows, "summary": dict(sorted(counts.items()))}, indent=2)


def _row(adoption: Adoption) -> dict[str, Any]:
    edits = adoption.edits
    return {
        "image": adoption.image.full_name,
        "stream": adoption.image.stream.name,
        "url": hide_secrets(adoption.image.url),
        "branch": adoption.image.stream.branch,
        "status": adoption.status,
        "commit": adoption.commit,
        "files": [file.source for file in adoption.files],
        "touches": list(adoption.touches),
        "edits": [
            {"path": edit.path, "kind": edit.kind, "diff": cap_diff(edit.diff)} for edit in edits
        ],
        "detail": adoption.detail,
    }
