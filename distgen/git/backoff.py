"""How long to put up with servers: time limits, and pauses that grow and differ."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

_ENOUGH = 5


def _quiet(text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Patience:
    """A command may take `seconds`; a failing server is asked `tries` times; `tell` hears of it.

    The pauses grow from `first` to `longest` seconds. `chance`, a number below 1, makes them
    differ, so that those who failed together do not come back together.
    """

    seconds: float = 300
    tries: int = 4
    first: float = 0.5
    longest: float = 30
    tell: Callable[[str], None] = field(default=_quiet, repr=False)
    chance: Callable[[], float] = field(default=random.random, repr=False)

    def pause(self, attempt: int) -> float:
        """Return how long to wait after an attempt, which count from 0."""
        whole = min(self.longest, self.first * 2.0**attempt)
        return whole * (0.5 + self.chance() / 2)


PATIENCE = Patience()


class Outages:
    """Which servers gave no answer again and again; a run of thousands does not wait for each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._silent: dict[str, int] = {}

    def note(self, server: str, answered: bool) -> None:
        """Remember whether a server answered; an answer makes up for all silence before it."""
        with self._lock:
            self._silent[server] = 0 if answered else self._silent.get(server, 0) + 1

    def is_out(self, server: str) -> bool:
        """Say whether a server is not worth asking again in this run."""
        with self._lock:
            return self._silent.get(server, 0) >= _ENOUGH
