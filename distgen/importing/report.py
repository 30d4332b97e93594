"""Write the results of an import as text and JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict

from distgen.importing.records import ImportReport, ImportResult


def report_json(report: ImportReport) -> str:
    """Return a report as JSON; its keys are stable."""
    rows = [asdict(result) for result in report.results]
    summary = count_results(report.results)
    return json.dumps({"results": rows, "summary": summary, "diff": report.diff}, indent=2)


def count_results(results: Iterable[ImportResult]) -> dict[str, int]:
    """Return how many came to each status."""
    counts = Counter(result.status for result in results)
    return {status: counts[status] for status in ("imported", "refused") if counts[status]}


def result_rows(results: Iterable[ImportResult]) -> list[tuple[str, str, str]]:
    """Return the columns of a line for each result: status, image, and what is said of it."""
    return [(result.status, result.image or result.source, _detail(result)) for result in results]


def _detail(result: ImportResult) -> str:
    if result.status == "refused":
        is_said = not result.image or result.detail.startswith(result.source)
        return result.detail if is_said else f"{result.source}: {result.detail}"
    parents = f"from {', '.join(result.parents)}" if result.parents else ""
    return "; ".join(filter(None, (parents, result.detail)))
