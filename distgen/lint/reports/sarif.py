"""Findings as SARIF 2.1.0, for code review and security dashboards.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from distgen import __version__
from distgen.lint.findings import group_by_origin
from distgen.lint.ruleset import RULES
from distgen.model.rendered import Finding

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {"error": "error", "warning": "warning", "info": "note", "style": "note"}


def report(findings: Iterable[Finding]) -> str:
    """Return one result for each place: the template's line where it is known, else the tree's.

    Results of several images that one line of the catalogue causes are one result, related to
    the rendered line of each; rendered paths are below `RENDERED`, where `render -o` wrote them.
    """
    groups = group_by_origin(findings)
    codes = sorted({group[0].code for group in groups})
    driver = {
        "name": "distgen",
        "semanticVersion": __version__,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {
            "CATALOGUE": {"description": {"text": "The folder that holds distgen.yaml"}},
            "RENDERED": {"description": {"text": "The folder given to distgen render -o"}},
        },
        "results": [_result(group, codes.index(group[0].code)) for group in groups],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rule(code: str) -> dict[str, Any]:
    if rule := RULES.get(code):
        return {
            "id": code,
            "name": rule.title.title().replace(" ", ""),
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": f"{rule.problem} {rule.why}"},
            "help": {"text": rule.fix},
            "defaultConfiguration": {"level": _LEVELS[rule.level]},
        }
    wiki = "https://www.shellcheck.net/wiki/" if code.startswith("SC") else ""
    return {"id": code, "helpUri": f"{wiki or 'https://github.com/hadolint/hadolint/wiki/'}{code}"}


def _result(group: Sequence[Finding], index: int) -> dict[str, Any]:
    first = group[0]
    rendered = [_rendered_place(finding) for finding in group]
    result: dict[str, Any] = {
        "ruleId": first.code,
        "ruleIndex": index,
        "level": _LEVELS[first.level],
        "message": {"text": first.message},
        "locations": [_source(first)] if first.origin else rendered[:1],
        "partialFingerprints": {"distgen/v1": _fingerprint(first)},
    }
    if first.origin:
        images = [f"in {finding.image}@{finding.stream}" for finding in group]
        result["relatedLocations"] = [
            {"id": number, **place, "message": {"text": text}}
            for number, (place, text) in enumerate(zip(rendered, images, strict=True), 1)
        ]
    return result


def _source(finding: Finding) -> dict[str, Any]:
    assert finding.origin is not None
    return _location(finding.origin.path, "CATALOGUE", finding.origin.line, finding.origin.column)


def _rendered_place(finding: Finding) -> dict[str, Any]:
    path = f"{finding.image}/{finding.stream}/{finding.path}"
    return _location(path, "RENDERED", finding.line, finding.column)


def _location(path: str, base: str, line: int, column: int) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(path), "uriBaseId": base}}
    if line:
        physical["region"] = {"startLine": line, **({"startColumn": column} if column else {})}
    return {"physicalLocation": physical}


def _fingerprint(finding: Finding) -> str:
    """Return what stays the same when lines move."""
    place = finding.origin.path if finding.origin else f"{finding.image} {finding.path}"
    text = "\0".join((finding.code, place, finding.message))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
