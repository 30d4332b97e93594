"""Turn metrics into text that Prometheus reads, in its own format and as OpenMetrics.

https://github.com/prometheus/OpenMetrics and the page on exposition formats of Prometheus' own
documentation. node_exporter's textfile collector reads the older format: what only OpenMetrics has
(`# UNIT`, `# EOF`) are comments in it. It refuses files with timestamps, so there are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from distgen.metrics.records import EarlierMetrics, Family, Labels

LAST_SUCCESS = "distgen_last_success_timestamp_seconds"
EDITS_SINCE = "distgen_edits_waiting_since_timestamp_seconds"
_SAMPLE = re.compile(r"(distgen_[a-z_]{1,80})\{([^\n]{0,2000})\} ([0-9.e+]{1,30})")
_LABEL = re.compile(r'([a-z_]{1,40})="((?:[^"\\]|\\["\\n]){0,500})"(?:,|$)')
_LATEST = 1e11
"""Seconds since 1970, and counts: what is more is no time and no count."""
_ESCAPES = {"\\": "\\\\", "\n": "\\n", '"': '\\"'}
_UNESCAPES = {escaped: plain for plain, escaped in _ESCAPES.items()}


def format_metrics(families: Iterable[Family]) -> str:
    """Return the text of the metrics that have samples."""
    lines = (line for family in families if family.samples for line in _lines(family))
    return "".join(f"{line}\n" for line in (*lines, "# EOF"))


def parse_earlier_metrics(text: str, own: Labels) -> EarlierMetrics:
    """Return what an earlier file says of runs with these labels; what is not ours is passed by."""
    last_success = None
    counters: dict[str, float] = {}
    since: dict[tuple[str, str], float] = {}
    for name, labels, value in _samples(text):
        if not set(own) <= set(labels.items()):
            continue
        if name == LAST_SUCCESS:
            last_success = value
        elif name == EDITS_SINCE:
            since[labels.get("image", ""), labels.get("stream", "")] = value
        elif name.endswith("_total"):
            counters[name.removesuffix("_total")] = value
    return EarlierMetrics(last_success, counters, since)


def _samples(text: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for line in text.split("\n"):
        match = _SAMPLE.fullmatch(line)
        if match is None:
            continue
        labels = {pair[1]: _unescape(pair[2]) for pair in _LABEL.finditer(match[2])}
        try:
            value = float(match[3])
        except ValueError:
            continue
        if value <= _LATEST:
            yield match[1], labels, value


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {_escape(family.text, '')}"
    yield f"# TYPE {family.name} {family.kind}"
    if family.unit:
        yield f"# UNIT {family.name} {family.unit}"
    suffix = "_total" if family.kind == "counter" else ""
    for labels, value in family.samples:
        pairs = ",".join(f'{name}="{_escape(text)}"' for name, text in labels)
        yield f"{family.name}{suffix}{{{pairs}}} {_number(value)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"


def _escape(text: str, kept: str = '"') -> str:
    signs = {"\\", "\n", *kept}
    return "".join(_ESCAPES[sign] if sign in signs else sign for sign in text)


def _unescape(text: str) -> str:
    return re.sub(r"\\.", lambda match: _UNESCAPES[match[0]], text)
