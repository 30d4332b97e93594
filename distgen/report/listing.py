"""Say what a report holds as JSON; the file tells distgen later which files are its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from distgen.compare.report import diff_report
from distgen.report.names import group_page, image_page
from distgen.report.records import Report

LISTING = "report.json"
VERSION = 1


def list_report(report: Report, files: Iterable[str]) -> dict[str, Any]:
    """Return the JSON object of a report; its keys are stable."""
    return {
        "version": VERSION,
        "summary": diff_report(report.diff)["summary"],
        "provenance": dict(report.provenance),
        "groups": [
            {
                "page": group_page(group),
                "kind": group.kind,
                "level": group.level,
                "sentence": group.sentence,
                "repeats": group.repeats or None,
                "images": len(group.images),
            }
            for group in report.diff.groups
        ],
        "images": [
            {
                "page": image_page(image.key),
                "image": image.key.partition("@")[0],
                "stream": image.key.partition("@")[2],
                "change": image.change,
                "reasons": list(image.reasons),
                "findings": len(image.findings),
            }
            for image in report.images
        ],
        "files": sorted({*files, LISTING}),
    }


def listed_files(content: bytes) -> frozenset[str]:
    """Return the files that belong to a report by its own listing; none where it is not ours."""
    try:
        data = json.loads(content)
        if data["version"] != VERSION:
            return frozenset()
        return frozenset(name for name in data["files"] if isinstance(name, str))
    except (ValueError, KeyError, TypeError, RecursionError):
        return frozenset()
