"""Let what must not be cut in two happen before a signal does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def delayed_signals() -> Iterator[None]:
    """Deliver signals that come meanwhile at the end.

    A ^C between the start of a process and the note of it left the process behind.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # no handler runs in another thread
        return
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    # What has no handler of Python's would end this process at once, or is ignored.
    handled = [number for number in _SIGNALS if callable(signal.getsignal(number))]
    handlers = {number: signal.signal(number, note) for number in handled}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for received_number in received:
            os.kill(os.getpid(), received_number)
