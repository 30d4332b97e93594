"""How long to wait for servers: time limits, pauses that grow and differ, and outages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

_FAILURES_OF_AN_OUTAGE = 5


def ignore(text: str) -> None:
    """Drop a message, where the caller does not want to read any."""


def random_part() -> float:
    """Return a random number from 0 to below 1."""
    import random  # for those who wait: its own imports take longer than most runs ask for

    return random.random()


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a command may take in seconds, how often it is tried, and how long pauses are.

    The pauses grow from `first_pause` to `longest_pause`. `jitter` returns a number below 1 that
    makes them differ, so that clients that failed together do not come back together. `report`
    takes a sentence for each pause.
    """

    timeout: float = 300
    attempts: int = 4
    first_pause: float = 0.5
    longest_pause: float = 30
    report: Callable[[str], None] = field(default=ignore, repr=False)
    jitter: Callable[[], float] = field(default=random_part, repr=False)

    def pause_after(self, attempt: int) -> float:
        """Return how many seconds to wait after an attempt; the first one is 0."""
        pause = min(self.longest_pause, self.first_pause * 2.0**attempt)
        return pause * (0.5 + self.jitter() / 2)


DEFAULT_RETRY_POLICY = RetryPolicy()


class Outages:
    """Counts the failures of each server in a row, so that a run skips servers that are down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}

    def record(self, server: str, answered: bool) -> None:
        """Count a failure of a server; an answer sets the count back to zero."""
        with self._lock:
            self._failures[server] = 0 if answered else self._failures.get(server, 0) + 1

    def is_out(self, server: str) -> bool:
        """Tell whether a server failed so often that this run does not ask it again."""
        with self._lock:
            return self._failures.get(server, 0) >= _FAILURES_OF_AN_OUTAGE
