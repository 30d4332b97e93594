"""Verdicts on published commits as JSON: an object for each, and how many of each status."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from distgen.verify.claims import Verdict


def report(verdicts: Iterable[Verdict]) -> str:
    """Return the JSON of verify; its keys are stable."""
    found = tuple(verdicts)
    counts = Counter(one.status for one in found)
    whole = {"results": [_row(one) for one in found], "summary": dict(sorted(counts.items()))}
    return json.dumps(whole, indent=2)


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
            {"path": edit.path, "kind": edit.kind, "diff": edit.diff} for edit in verdict.edits
        ],
        "own": list(verdict.own),
        "detail": verdict.detail,
    }
