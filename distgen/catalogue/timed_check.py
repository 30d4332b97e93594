"""Ends what searches for too long: checks of values, and patterns that a catalogue gives."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from distgen.errors import InputError
from distgen.model.words import KeyPath
from distgen.render.errors import OutOfTime
from distgen.schema.check import FindOrigin, refuse_mistakes
from distgen.schema.messages import format_key

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_TICK = 0.25  # seconds of processor time between two looks at the limit


class TimeLimit:
    """Raises OutOfTime in what takes more than some seconds of processor time.

    A pattern such as `(a+)+$` takes for ever on a text that it does not fit. Only the main thread
    gets signals, so the limit holds in no other one.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = math.inf

    @contextmanager
    def watch_time(self) -> Iterator[None]:
        """Watch the time while this block runs."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = signal.signal(signal.SIGPROF, self._tick)
        try:
            signal.setitimer(signal.ITIMER_PROF, _TICK, _TICK)
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, previous)

    @contextmanager
    def restart_clock(self) -> Iterator[None]:
        """Begin the time anew; it ends with this block."""
        self._deadline = time.process_time() + self._seconds
        try:
            yield
        finally:
            self._deadline = math.inf

    def _tick(self, number: int, frame: FrameType | None) -> None:
        if time.process_time() >= self._deadline:
            self._deadline = math.inf
            raise OutOfTime(f"takes more than {self._seconds:g} seconds of processor time")


class TimedCheck(TimeLimit):
    """Checks as `refuse_mistakes` does, each value within the limit."""

    def __call__(
        self, validator: Draft202012Validator, data: Any, find_origin: FindOrigin, at: KeyPath
    ) -> None:
        """Raise InputError for the first mistake in `data`, or when finding it takes too long."""
        try:
            with self.restart_clock():
                refuse_mistakes(validator, data, find_origin, at)
        except OutOfTime as error:
            raise InputError(
                f"checking `{format_key(at)}` against its schema {error}",
                where=find_origin(at),
                hint="mend the `pattern` in the template's schema",
            ) from None
