"""Findings as commands of a GitHub workflow, which shows them at their lines of a change.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterable

from distgen.lint.findings import describe_group, group_by_origin
from distgen.model.rendered import Finding

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice", "style": "notice"}
_IN_MESSAGES = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTIES = _IN_MESSAGES | str.maketrans({":": "%3A", ",": "%2C"})


def report(findings: Iterable[Finding]) -> str:
    """Return one command for each place of the catalogue, the gravest level first.

    GitHub shows the first ten of each level.
    """
    groups = group_by_origin(findings)
    order = [*_COMMANDS]
    return "".join(
        _format_command(group) for group in sorted(groups, key=lambda g: order.index(g[0].level))
    )


def _format_command(group: tuple[Finding, ...]) -> str:
    first = group[0]
    assert first.origin is not None, "lint.findings.in_catalogue gives each a place"
    properties = {
        "file": first.origin.path,
        "line": str(first.origin.line or 1),
        "title": first.code,
    }
    words = ",".join(
        f"{name}={text.translate(_IN_PROPERTIES)}" for name, text in properties.items()
    )
    return f"::{_COMMANDS[first.level]} {words}::{describe_group(group).translate(_IN_MESSAGES)}\n"
