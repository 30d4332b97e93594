"""Turn results of publishing into JSON: an object for each image and stream, and their counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from distgen.model.published import Result


def format_report(results: Iterable[Result]) -> str:
    """Return the JSON of publish, propose and status; its keys are stable."""
    results = tuple(results)
    report = {
        "results": [result_row(result) for result in results],
        "summary": count_statuses(results),
    }
    return json.dumps(report, indent=2)


def result_row(result: Result) -> dict[str, object]:
    """Return the object of one result."""
    return {
        "image": result.image,
        "stream": result.stream,
        "url": result.url,
        "branch": result.branch,
        "status": result.status,
        "commit": result.commit,
        "parent": result.parent,
        "detail": result.detail,
    }


def count_statuses(results: Iterable[Result]) -> dict[str, int]:
    """Return the number of results of each status."""
    return dict(sorted(Counter(result.status for result in results).items()))
