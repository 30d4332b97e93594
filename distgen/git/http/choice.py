"""Whether a run talks to http(s) repositories itself, and what its threads share for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar, cast

Client = TypeVar("Client")
Report = Callable[[str, str], None]
"""Hears of an address that goes through git, and why."""
_PARALLEL = 16


def ignore_fallback(address: str, reason: str) -> None:
    """Drop the news that an address goes through git."""


class HttpChoice:
    """The client of a run and its kept connections, made when the first server is asked."""

    def __init__(self, parallel: int = _PARALLEL, report: Report = ignore_fallback) -> None:
        self._parallel = parallel
        self._report = report
        self._lock = threading.Lock()
        self._client: object = None
        self._fallbacks: set[str] = set()

    def client(self, make: Callable[[int], Client]) -> Client:
        """Return the client, which `make` makes for so many connections to a host."""
        with self._lock:
            if self._client is None:
                self._client = make(self._parallel)
            return cast(Client, self._client)

    def tell(self, address: str, reason: str) -> None:
        """Report once that an address goes through git."""
        with self._lock:
            is_news = address not in self._fallbacks
            self._fallbacks.add(address)
        if is_news:
            self._report(address, reason)
