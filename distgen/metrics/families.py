"""Turn what is known of a run into metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from distgen.metrics.exposition import EDITS_SINCE, LAST_SUCCESS
from distgen.metrics.records import EarlierMetrics, Family, Labels
from distgen.model.published import Result
from distgen.model.words import Status

COUNTERS = {
    "distgen_runs": "Runs that wrote this file.",
    "distgen_pushes": "Pushes that were begun, first attempts alone.",
    "distgen_push_retries": "Pushes that were begun again, after a lost race or a failure.",
    "distgen_pauses": "Pauses for a server that failed, or for another run.",
    "distgen_transport_fallbacks": "Addresses over HTTP that were left to git.",
}


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a run that ended; times are seconds since 1970, durations seconds.

    `results` is None for a run that came to none.
    """

    begun: float
    ended: float
    exit_code: int
    results: Sequence[Result] | None
    stages: Mapping[str, float]
    counts: Mapping[str, int]
    lock_changed: float | None = None


def run_families(facts: RunFacts, earlier: EarlierMetrics, own: Labels) -> Iterator[Family]:
    """Yield the metrics of a run; those with `_since`, the last success and counts go on."""
    yield from _result_families(facts, earlier, own)
    yield _gauge("distgen_last_run_timestamp_seconds", "When the last run ended.", own, facts.ended)
    success = earlier.last_success if facts.exit_code else facts.ended
    text = "When the last run ended that exited with 0."
    yield _gauge(LAST_SUCCESS, text, own, success)
    yield _gauge("distgen_last_exit_code", "What the last run exited with.", own, facts.exit_code)
    text = "How long the last run took."
    yield _gauge("distgen_last_run_duration_seconds", text, own, facts.ended - facts.begun)
    yield Family(
        "distgen_stage_duration_seconds",
        "gauge",
        "How long the stages of the last run took: to read, to plan, to publish.",
        tuple(((*own, ("stage", stage)), seconds) for stage, seconds in facts.stages.items()),
        unit="seconds",
    )
    text = "When the lock of the catalogue changed."
    yield _gauge("distgen_lock_change_timestamp_seconds", text, own, facts.lock_changed)
    for name, text in COUNTERS.items():
        count = earlier.counters.get(name, 0) + facts.counts.get(name, 0)
        yield Family(name, "counter", text, ((own, count),))


def _result_families(facts: RunFacts, earlier: EarlierMetrics, own: Labels) -> Iterator[Family]:
    if facts.results is None:
        since = earlier.edits_since
    else:
        keys = [(r.image, r.stream) for r in facts.results if is_waiting(r)]
        since = {key: min(earlier.edits_since.get(key, facts.ended), facts.ended) for key in keys}
        counts = Counter(result.status for result in facts.results)
        samples = ((("status", status), counts[status]) for status in get_args(Status))
        text = "Branches of dist-git repositories by what the last run came to."
        branches = tuple(((*own, label), count) for label, count in samples)
        yield Family("distgen_branches", "gauge", text, branches)
    text = "Branches with downstream edits that the catalogue does not have."
    yield _gauge("distgen_edits_waiting", text, own, len(since))
    yield Family(
        EDITS_SINCE,
        "gauge",
        "When a run first saw the edits of a branch.",
        tuple(
            ((*own, ("image", image), ("stream", stream)), seconds)
            for (image, stream), seconds in sorted(since.items())
        ),
        unit="seconds",
    )


def is_waiting(result: Result) -> bool:
    """Tell whether a branch has edits of people that the catalogue does not have.

    Edits that this run overwrote count once more, for they look like those that it kept.
    """
    return bool(result.edits) and result.status != "retired"


def _gauge(name: str, text: str, own: Labels, value: float | None) -> Family:
    unit = "seconds" if name.endswith("_seconds") else ""
    return Family(name, "gauge", text, () if value is None else ((own, value),), unit)
