"""Turn the results of a build into JSON, and the digests of what was pushed into a file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distgen.build.records import BUILD_STATUSES, BuildResult, BuildStatus


def result_row(result: BuildResult) -> dict[str, Any]:
    """Return the object of one result; its keys are stable."""
    return {
        "image": result.image,
        "stream": result.stream,
        "reference": result.reference,
        "url": result.url,
        "status": result.status,
        "commit": result.commit,
        "image_id": result.image_id,
        "digest": result.digest,
        "seconds": result.seconds,
        "detail": result.detail,
    }


def count_build_statuses(results: Iterable[BuildResult]) -> Mapping[BuildStatus, int]:
    """Count the results of each status, in the order of statuses."""
    counts = Counter(result.status for result in results)
    return {status: counts[status] for status in BUILD_STATUSES if counts[status]}


def format_build_report(results: Sequence[BuildResult]) -> str:
    """Return the text of `distgen build --format json`."""
    rows = [result_row(result) for result in results]
    report = {"results": rows, "summary": count_build_statuses(results)}
    return json.dumps(report, indent=2)


def format_digests(results: Iterable[BuildResult]) -> str:
    """Return the file of --digests: what was pushed, and under which digest."""
    rows = [
        {
            "image": result.image,
            "stream": result.stream,
            "reference": result.reference,
            "digest": result.digest,
            "commit": result.commit,
        }
        for result in results
        if result.digest is not None
    ]
    return json.dumps({"version": 1, "images": rows}, indent=2) + "\n"
