"""Measure a run while it goes: how long its stages take, and how often it pushes and pauses."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping

_STAGES = {"started": "read", "planned": "plan", "pushing": "publish", "result": "publish"}
"""Which stage the time before a step was spent on."""
_COUNTED = {"waiting": "distgen_pauses", "transport": "distgen_transport_fallbacks"}


class Measurements:
    """Observes the steps of a run; any thread may tell it. `now` returns seconds since 1970."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.begun = now()
        self.counts: Counter[str] = Counter({"distgen_runs": 1})
        self.stages: dict[str, float] = dict.fromkeys(("read", "plan", "publish"), 0.0)
        self._now = now
        self._last = self.begun
        self._stage = "read"
        self._lock = threading.Lock()

    def __call__(self, step: str, about: Mapping[str, object]) -> None:
        """Take note of a step."""
        with self._lock:
            if step == "pushing":
                is_first = about.get("attempt") == 1
                self.counts["distgen_pushes" if is_first else "distgen_push_retries"] += 1
            elif step in _COUNTED:
                self.counts[_COUNTED[step]] += 1
            if step in _STAGES:
                self._add_time(_STAGES[step])

    def end(self) -> float:
        """Return when the run ended, which is now; the time since the last step is its stage's."""
        with self._lock:
            self._add_time(self._stage)
            return self._last

    def _add_time(self, stage: str) -> None:
        now = self._now()
        self.stages[stage] += max(0.0, now - self._last)
        self._last, self._stage = now, stage
