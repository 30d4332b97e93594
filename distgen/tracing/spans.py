"""Turn the steps of a run into spans, each begun and ended when that was.

The span of the run is the parent of those of its stages (to read, to plan, to publish) and of its
repositories, as far as anything happened to them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

if TYPE_CHECKING:
    from opentelemetry.context import Context

_STAGES = {"started": "read", "planned": "plan", "pushing": "publish", "result": "publish"}
"""Which stage the time before a step was spent on."""
_NOTED = ("waiting", "transport")
_BAD = ("refused", "skipped", "failed")


@dataclass
class _RepositoryWork:
    """What is known of a repository that is worked on; times are nanoseconds since 1970."""

    begun: int
    expected: int = 0
    pushes: list[tuple[int, int]] = field(default_factory=list)
    rows: list[Mapping[str, Any]] = field(default_factory=list)


class RunSpans:
    """Observes the steps of a run; any thread may tell it. `now` returns nanoseconds since 1970."""

    def __init__(
        self,
        tracer: trace.Tracer,
        command: str,
        now: Callable[[], int],
        context: Context | None = None,
    ) -> None:
        self._tracer = tracer
        self._now = now
        self._lock = threading.Lock()
        self._last = self._stage_begun = now()
        self._stage = "read"
        self._works: dict[str, _RepositoryWork] = {}
        self._run = tracer.start_span(f"distgen {command}", context, start_time=self._last)
        self._parent = trace.set_span_in_context(self._run)

    def __call__(self, step: str, about: Mapping[str, Any]) -> None:
        """Take note of a step."""
        with self._lock:
            now = self._now()
            if step in _NOTED:
                self._run.add_event(step, _attributes(about), now)
            if step in _STAGES:
                self._enter(_STAGES[step], now)
            if step == "planned":
                self._work(about["url"], now).expected += 1
            elif step == "pushing":
                self._work(about["url"], now).pushes.append((now, about["attempt"]))
            elif step == "result":
                self._end_result(about, now)
            elif step == "started":
                self._run.set_attributes(_attributes(about))
            elif step == "ended":
                counts = {f"results.{word}": count for word, count in about["summary"].items()}
                self._run.set_attributes(_attributes({**counts, "exit_code": about["exit_code"]}))
                if about["exit_code"]:
                    self._run.set_status(Status(StatusCode.ERROR))

    def end(self, problem: str = "") -> None:
        """End all spans; a problem is why the run came to no end of its own."""
        with self._lock:
            now = self._now()
            self._last = now
            self._end_stage()
            for url in tuple(self._works):
                self._end_work(url, now)
            if problem:
                self._run.set_status(Status(StatusCode.ERROR, problem))
            self._run.end(now)

    def _enter(self, stage: str, now: int) -> None:
        """Give the time since the last step to a stage; one that another follows ended then."""
        if stage != self._stage:
            self._end_stage()
            self._stage, self._stage_begun = stage, self._last
        self._last = now

    def _end_stage(self) -> None:
        span = self._tracer.start_span(self._stage, self._parent, start_time=self._stage_begun)
        span.end(self._last)

    def _work(self, url: str, now: int) -> _RepositoryWork:
        return self._works.setdefault(url, _RepositoryWork(now))

    def _end_result(self, row: Mapping[str, Any], now: int) -> None:
        work = self._work(row["url"], now)
        work.rows.append(row)
        if len(work.rows) >= work.expected:
            self._end_work(row["url"], now)

    def _end_work(self, url: str, now: int) -> None:
        """End the span of a repository; where nothing happened there is none."""
        work = self._works.pop(url)
        statuses = [row["status"] for row in work.rows]
        if not work.pushes and set(statuses) <= {"unchanged"}:
            return
        begun = work.pushes[0][0] if work.pushes else work.begun
        branches = [f"{row['image']}@{row['stream']}" for row in work.rows]
        about = {"url": url, "branches": branches, "statuses": statuses}
        span = self._tracer.start_span(
            "repository", self._parent, attributes=_attributes(about), start_time=begun
        )
        for time, attempt in work.pushes:
            span.add_event("pushing", _attributes({"attempt": attempt}), time)
        problems = [row["detail"] for row in work.rows if row["status"] in _BAD]
        if problems:
            span.set_status(Status(StatusCode.ERROR, "; ".join(dict.fromkeys(problems))))
        span.end(now)


def _attributes(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what can be an attribute, under names of distgen's own."""
    plain = (str, int, float, bool, list)
    return {f"distgen.{name}": value for name, value in about.items() if isinstance(value, plain)}
