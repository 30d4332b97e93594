"""Findings as GitLab's code quality report, which shows them in a merge request.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from distgen.lint.findings import describe_group, group_by_origin
from distgen.model.rendered import Finding

_SEVERITIES = {"error": "critical", "warning": "major", "info": "minor", "style": "info"}


def report(findings: Iterable[Finding]) -> str:
    """Return one entry for each place of the catalogue; every finding has one."""
    return json.dumps([*_entries(findings)], indent=2, ensure_ascii=False) + "\n"


def _entries(findings: Iterable[Finding]) -> Iterator[dict[str, Any]]:
    counts: Counter[str] = Counter()
    for group in group_by_origin(findings):
        first = group[0]
        assert first.origin is not None, "lint.findings.in_catalogue gives each a place"
        identity = "\0".join((first.code, first.origin.path, first.message))
        counts[identity] += 1
        yield {
            "description": describe_group(group),
            "check_name": first.code,
            "fingerprint": _fingerprint(identity, counts[identity]),
            "severity": _SEVERITIES[first.level],
            "location": {"path": first.origin.path, "lines": {"begin": first.origin.line or 1}},
        }


def _fingerprint(identity: str, number: int) -> str:
    """Return what stays the same when lines move; of equal findings only the first is shown."""
    return hashlib.sha256(f"{identity}\0{number}".encode()).hexdigest()[:32]
