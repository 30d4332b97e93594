"""Ask the HTTP interface of one server: no other sees the token, rate limits are waited for."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from distgen.errors import DistgenError
from distgen.git.backoff import DEFAULT_RETRY_POLICY

_MOVED = (301, 302, 303, 307, 308)
_UNWELL = (502, 503, 504)
_LIMITS = (403, 429)
_SLOWED = ("secondary rate limit", "abuse detection")
_REPEATABLE = ("GET", "HEAD", "PUT", "PATCH", "DELETE")
_TO_CONNECT = 10.0


def _quiet(text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to put up with a server; `tell` hears why, `stop` ends all waiting.

    An answer may take `seconds`. A server that fails is asked `tries` times, with a `pause` after
    each; one that wants to be asked less is waited for, at most `longest` for one request.
    """

    longest: float = 3700
    tries: int = 5
    seconds: float = 60
    pause: Callable[[int], float] = field(default=DEFAULT_RETRY_POLICY.pause_after, repr=False)
    tell: Callable[[str], None] = field(default=_quiet, repr=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False)


class Header(requests.auth.AuthBase):
    """An Authorization header that a ~/.netrc does not replace and that no repr shows."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


class Guarded(requests.Session):
    """A session that speaks to the host of `base` only, whatever an answer says, and that waits."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.patience = Patience()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request; raise DistgenError for another host, a moved target, or no answer."""
        self._refuse_strangers(request.url or "")
        if request.method not in ("GET", "HEAD"):
            options["allow_redirects"] = False
        # Libraries bring their own limits, which are not the user's.
        options["timeout"] = (min(_TO_CONNECT, self.patience.seconds), self.patience.seconds)
        attempt, waited = 0, 0.0
        while True:
            response = self._answered(request, options)
            seconds = pause(response, attempt)
            if seconds is None or response.history:
                break
            attempt, waited = attempt + 1, waited + seconds
            self._wait(seconds, waited, response)
        if response.status_code in _MOVED and request.method not in ("GET", "HEAD"):
            there = urlsplit(response.headers.get("Location", "")).path
            raise DistgenError(f"has moved to {there}", where=_shown(request.url or ""))
        return response

    def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
        """Show what was shown before the redirect: it led to the same server, not to a ~/.netrc."""

    def _answered(self, request: requests.PreparedRequest, options: Any) -> requests.Response:
        """Return the answer of a server, which is asked again while it fails."""
        where = _shown(request.url or "")
        for attempt in range(self.patience.tries):
            last = attempt + 1 == self.patience.tries or request.method not in _REPEATABLE
            try:
                response = super().send(request, **options)
                if last or response.status_code not in _UNWELL or response.history:
                    return response
                what = f"answers HTTP {response.status_code}"
            except requests.Timeout:
                raise DistgenError("does not answer", where=where) from None
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                # The exception names the address, and its query; the kind of trouble is enough.
                what = "cannot be reached"
                if last:
                    break
            seconds = self.patience.pause(attempt)
            self.patience.tell(f"{where} {what}; trying again in {seconds:.1f} seconds")
            if self.patience.stop.wait(seconds):
                break
        raise DistgenError(what, where=where)

    def _refuse_strangers(self, url: str) -> None:
        if _host(url) != _host(self.base):
            raise DistgenError(
                f"an answer led to another server, {urlsplit(url).netloc.rpartition('@')[2]}",
                where=self.base,
                hint="it was not asked, for it must not see the token",
            )

    def _wait(self, seconds: float, waited: float, response: requests.Response) -> None:
        host = urlsplit(response.url).netloc
        if waited > self.patience.longest:
            raise DistgenError(f"{host} asks to wait {waited / 60:.0f} minutes, which is too long")
        self.patience.tell(f"{host} asks to wait {seconds:.0f} seconds")
        if self.patience.stop.wait(seconds):
            raise DistgenError(f"waiting for {host} was interrupted")


def pause(response: requests.Response, attempt: int) -> float | None:
    """Return how long a server wants to be left alone; None: it does not say that.

    GitHub's rules: `Retry-After`, else `X-RateLimit-Reset` once nothing remains, else a minute,
    and twice as long each time.
    """
    headers, status = response.headers, response.status_code
    if status not in _LIMITS:
        return None
    after = headers.get("Retry-After", "")
    if after.isdecimal():
        return max(1.0, float(after))
    if headers.get("X-RateLimit-Remaining") == "0" and "X-RateLimit-Reset" in headers:
        return max(1.0, _deadline(response) - _now(response) + 1)
    if status == 429 or any(words in response.text for words in _SLOWED):
        return 60 * 2.0**attempt
    return None


def message(response: requests.Response) -> str:
    """Return what a server says is wrong, on one line."""
    kind = response.headers.get("Content-Type", "")
    try:
        # Gerrit speaks plain text.
        said = {"message": response.text} if kind.startswith("text/plain") else response.json()
    except ValueError:
        said = None
    text = said.get("message", "") if isinstance(said, dict) else ""
    return " ".join(str(text).split())[:300] or f"HTTP {response.status_code}"


def content(response: requests.Response) -> Any:
    """Return what a server answers; raise DistgenError when that is no JSON."""
    try:
        # Gerrit begins with a line that no browser would run as a script.
        return json.loads(response.text.removeprefix(")]}'"))
    except ValueError:
        what = "does not answer as its interface would"
        hint = "is there another server in front of it, or is dist_git.api another address?"
        raise DistgenError(what, where=_shown(response.url), hint=hint) from None


def _now(response: requests.Response) -> float:
    """Return the server's own time, which is what its deadlines are told in."""
    try:
        date: datetime = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError, TypeError):
        return _deadline(response) - 60
    return date.timestamp()


def _deadline(response: requests.Response) -> float:
    text = response.headers["X-RateLimit-Reset"]
    return float(text) if text.isdecimal() else 0.0


def _host(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    ports = {"https": 443, "http": 80}
    return parts.scheme, (parts.hostname or "").lower(), parts.port or ports.get(parts.scheme)


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
