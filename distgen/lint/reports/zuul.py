"""Findings as comments on the files of a change, as a job of Zuul returns them.

https://zuul-ci.org/docs/zuul/latest/job-content.html#leaving-file-comments
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from distgen.lint.findings import describe_group, group_by_origin
from distgen.model.rendered import Finding

_LEVELS = {"error": "error", "warning": "warning", "info": "info", "style": "info"}


def report(findings: Iterable[Finding]) -> str:
    """Return the comments of each file, one for each place of the catalogue."""
    comments: dict[str, list[dict[str, Any]]] = {}
    for group in group_by_origin(findings):
        first = group[0]
        assert first.origin is not None, "lint.findings.in_catalogue gives each a place"
        comment = {
            "line": first.origin.line or 1,
            "level": _LEVELS[first.level],
            "message": f"{first.code}: {describe_group(group)}",
        }
        comments.setdefault(first.origin.path, []).append(comment)
    return json.dumps(comments, indent=2, ensure_ascii=False) + "\n"
