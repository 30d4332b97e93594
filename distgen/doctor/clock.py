"""Compare the clock of this machine with that of a server, which says the time in each answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3 import disable_warnings
from urllib3.exceptions import InsecureRequestWarning

from distgen.doctor.records import Diagnosis, Health
from distgen.git.http.watched import WatchedAdapter, watch_exchange
from distgen.http import HttpFailure, HttpPolicy, HttpSession, open_answer

_NOTICED, _HARMFUL = 60, 900  # seconds
_ACTION = "let this machine's clock be set over the network (NTP)"
Now = Callable[[], float]


def examine_clock(url: str, now: Now, seconds: float, stop: threading.Event) -> Iterator[Diagnosis]:
    """Compare the clocks; a server that is not reached is the matter of other checks."""
    try:
        skew = _ask_skew(url, now, seconds, stop)
    except HttpFailure:
        return
    subject = urlsplit(url).netloc
    if skew is None:
        yield Diagnosis("clock", subject, "ok", "not compared: the server does not say the time")
        return
    if abs(skew) < _NOTICED:
        yield Diagnosis("clock", subject, "ok", "this machine has the same time")
        return
    status: Health = "error" if abs(skew) >= _HARMFUL else "warning"
    direction = "behind" if skew > 0 else "ahead of"
    detail = f"this machine's clock is {duration(abs(skew))} {direction} the server's"
    yield Diagnosis("clock", subject, status, detail, _ACTION)


def _ask_skew(url: str, now: Now, seconds: float, stop: threading.Event) -> float | None:
    """Return by how many seconds the server is ahead, None where it does not say the time."""
    # A wrong clock makes certificates invalid, and nothing secret is asked or told here.
    disable_warnings(InsecureRequestWarning)
    policy = HttpPolicy(timeout=seconds, attempts=1, connect_timeout=seconds)
    with HttpSession() as session, watch_exchange(seconds, stop):
        for scheme in ("http://", "https://"):
            session.mount(scheme, WatchedAdapter(1))

        def send(**options: Any) -> requests.Response:
            request = session.prepare_request(requests.Request("HEAD", url))
            proxies = session.merge_environment_settings(url, {}, True, False, None)["proxies"]
            return session.send(request, verify=False, proxies=proxies, **options)

        begun = now()
        with open_answer(send, policy) as answer:
            date, ended = answer.response.headers.get("Date", ""), now()
    try:
        time = parsedate_to_datetime(date)
        server = time.replace(tzinfo=time.tzinfo or timezone.utc).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    # The server says whole seconds, of any moment between question and answer.
    if begun - 1 <= server <= ended:
        return 0.0
    return server - ended if server > ended else server + 1 - begun


def duration(seconds: float) -> str:
    """Return a time in its largest unit, in whole numbers."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}s"
    return f"{int(seconds)} seconds"


def ago(seconds: float) -> str:
    """Return how long something is past."""
    return "just now" if seconds < _NOTICED else f"{duration(seconds)} ago"
