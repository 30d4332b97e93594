"""Findings as lines for a person: `place: level CODE message`, once for all images it is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from distgen.lint.findings import group_by_origin
from distgen.model.rendered import Finding
from distgen.model.words import LEVELS

_NAMED = 3


def report(findings: Iterable[Finding]) -> str:
    """Return one line for each place in the catalogue, and a last line that counts findings."""
    listed = tuple(findings)
    lines = [_line(group) for group in group_by_origin(listed)]
    return "".join(f"{line}\n" for line in (*lines, summary(listed)))


def summary(findings: Iterable[Finding]) -> str:
    """Return how many findings of each level there are, as a phrase."""
    counts = Counter(finding.level for finding in findings)
    parts = [_format_count(counts[level], level) for level in LEVELS if counts[level]]
    return ", ".join(parts) or "no findings"


def _format_count(number: int, level: str) -> str:
    plural = "s" if number != 1 and level in {"error", "warning"} else ""
    return f"{number} {level}{plural}"


def _line(group: Sequence[Finding]) -> str:
    first = group[0]
    images = list(dict.fromkeys(f"{f.image}@{f.stream}" for f in group))
    rendered = f"{first.path}:{first.line}" if first.line else first.path
    if first.column > 1:  # linters say 1 where they mean the whole line
        rendered += f":{first.column}"
    place = str(first.origin) if first.origin else f"{images[0]} {rendered}"
    named = ", ".join(images[:_NAMED])
    more = f" and {len(images) - _NAMED} more" if len(images) > _NAMED else ""
    where = f" [{named}{more}: {rendered}]" if first.origin else ""
    return f"{place}: {first.level} {first.code} {first.message}{where}"
