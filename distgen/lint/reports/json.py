"""Findings as JSON: an array with one object for each, keys as documented."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from distgen.lint.findings import in_order
from distgen.model.rendered import Finding


def report(findings: Iterable[Finding]) -> str:
    """Return all findings in order; `origin` is null where the catalogue has no such line."""
    return json.dumps([_entry(f) for f in in_order(findings)], indent=2, ensure_ascii=False) + "\n"


def _entry(finding: Finding) -> dict[str, Any]:
    origin = finding.origin
    return {
        "image": finding.image,
        "stream": finding.stream,
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "code": finding.code,
        "level": finding.level,
        "message": finding.message,
        "origin": {"path": origin.path, "line": origin.line} if origin else None,
    }
