"""Writes what was formatted as JSON, as a diff, and in one sentence."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from distgen.formatting.records import FormattedFile
from distgen.text.diff import diff_file


def report_json(files: Sequence[FormattedFile], is_written: bool) -> str:
    """Return the files as JSON; its keys are stable."""
    rows = [
        {
            "path": file.path,
            "status": _status(file, is_written),
            "detail": str(file.problem) if file.problem else "",
        }
        for file in files
    ]
    return json.dumps(
        {"files": rows, "summary": dict(_count_statuses(files, is_written))}, indent=2
    )


def report_diff(files: Sequence[FormattedFile]) -> str:
    """Return what changes as a unified diff, which `git apply` takes."""
    return "".join(
        diff_file(file.path, file.before, file.after) for file in files if file.is_changed
    )


def summarize(files: Sequence[FormattedFile], is_written: bool) -> str:
    """Return how many files came to what."""
    counts = _count_statuses(files, is_written)
    words = {
        "formatted": "formatted",
        "unformatted": "would be formatted",
        "unchanged": "unchanged",
        "left": "left as they are",
    }
    parts = [f"{counts[status]} {word}" for status, word in words.items() if counts[status]]
    return f"overlays: {', '.join(parts) or 'none'}"


def _count_statuses(files: Sequence[FormattedFile], is_written: bool) -> Counter[str]:
    return Counter(_status(file, is_written) for file in files)


def _status(file: FormattedFile, is_written: bool) -> str:
    if file.problem is not None:
        return "left"
    if not file.is_changed:
        return "unchanged"
    return "formatted" if is_written else "unformatted"
