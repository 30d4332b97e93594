"""Verdicts on published commits as JSON: an object for each, and how many of each status."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from distgen.text.diff import cap_diff
from distgen.verify.verdict import Verdict


def format_report(verdicts: Sequence[Verdict]) -> str:
    """Return the JSON of verify; its keys are stable."""
    counts = Counter(verdict.status for verdict in verdicts)
    rows = [_row(verdict) for verdict in verdicts]
    return json.dumps({"results": rows, "summary": dict(sorted(counts.items()))}, indent=2)


def _row(verdict: Verdict) -> dict[str, Any]:
    return {
        "image": verdict.image,
        "stream": verdict.stream,
        "url": verdict.url,
        "branch": verdict.branch,
        "commit": verdict.commit,
        "status": verdict.status,
        "source": verdict.source,
        "version": verdict.version,
        "exact": verdict.exact,
        "signature": verdict.signature,
        "signer": verdict.signer,
        "edits": [
            {"path": edit.path, "kind": edit.kind, "diff": cap_diff(edit.diff)}
            for edit in verdict.edits
        ],
        "own": list(verdict.unmanaged),
        "detail": verdict.detail,
    }
