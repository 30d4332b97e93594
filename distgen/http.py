"""Ask servers over HTTP: again when a failure may pass, within limits, and without leaking secrets.

Registries, forges and the servers of downloads are asked through here.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader, MaxRetryError

from distgen import __version__
from distgen.backoff import RetryPolicy
from distgen.model.reference import is_loopback

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 10
MAX_BODY = 4 << 20
CHUNK = 1 << 16
Send = Callable[..., requests.Response]
"""Sends one request; takes the options of `requests.Session.send`."""


@dataclass(frozen=True, slots=True)
class HttpPolicy(RetryPolicy):
    """A retry policy for HTTP: an exchange ends after `timeout`, or `silence` without a byte.

    For one request, servers may ask for pauses of `longest_wait` in all. `stop` ends every pause.
    """

    connect_timeout: float = 10
    silence: float = 60
    longest_wait: float = 120
    stop: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)


class HttpFailure(Exception):
    """A server failed; the text follows its name. Another attempt may help if `passing`.

    `answer` is what the server answered, None when it did not.
    """

    def __init__(
        self, text: str, *, passing: bool = True, answer: requests.Response | None = None
    ) -> None:
        super().__init__(text)
        self.passing = passing
        self.answer = answer


class HttpSession(requests.Session):
    """Connections to servers: without cookies, without passwords of ~/.netrc, without redirects."""

    def __init__(self, parallel: int = 16) -> None:
        super().__init__()
        self.auth = _leave_unchanged
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # What is compressed on the way has another size and checksum than the file.
        self.headers.update({"User-Agent": f"distgen/{__version__}", "Accept-Encoding": "identity"})
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(pool_connections=8, pool_maxsize=parallel))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None, because requests reads the whole body of an answer that redirects."""

    def merge_environment_settings(self, url: Any, *settings: Any) -> Any:
        """Ask this very machine without the proxies of the environment."""
        options = super().merge_environment_settings(url, *settings)
        return {**options, "proxies": {}} if is_loopback(urlsplit(url).netloc) else options


class Retries(urllib3.util.Retry):
    """The attempts that are left for one request to `server`, and the pauses between them.

    The Retry of urllib3 sleeps through the end of a run, reports nothing, shortens the pauses that
    servers ask for, and compares their dates with the clock of this machine.
    """

    def __init__(
        self, total: int | None = None, *, policy: HttpPolicy, server: str, **options: Any
    ) -> None:
        self.policy = policy
        self.server = server
        self.waited: float = options.pop("waited", 0)
        options = {"status_forcelist": RETRIED, "allowed_methods": REPEATABLE, **options}
        super().__init__(policy.attempts - 1 if total is None else total, **options)

    def new(self, **changes: Any) -> Retries:
        """Return a copy with changes; it keeps what urllib3 does not know of."""
        changes = {"policy": self.policy, "server": self.server, "waited": self.waited, **changes}
        return super().new(**changes)

    def is_failure(self, answer: requests.Response) -> bool:
        """Tell whether an answer says that the server fails."""
        return answer.status_code in (self.status_forcelist or ())

    def is_repeatable(self, method: str, failure: HttpFailure) -> bool:
        """Tell whether a request may be sent again after a failure."""
        return failure.passing and (not self.allowed_methods or method in self.allowed_methods)

    def get_retry_after(self, response: Any) -> float | None:
        """Return the seconds that a server asks to be left alone for, None where it does not."""
        return retry_after(response)

    def sleep(self, response: Any = None) -> None:
        """Pause before the next attempt; raise HttpFailure when it is too long or the run ends."""
        policy, reason = self.policy, self.history[-1].error
        seconds = None if response is None else self.get_retry_after(response)
        if seconds is None:
            seconds = policy.pause_after(len(self.history) - 1)
            policy.report(f"{self.server} {reason}; trying again in {seconds:.1f} seconds")
        else:
            self.waited += seconds
            if self.waited > policy.longest_wait:
                text = f"{reason} and asks to wait {_duration(self.waited)}, which is too long"
                raise HttpFailure(text, passing=False)
            policy.report(f"{self.server} {reason} and asks to wait {seconds:.0f} seconds")
        if policy.stop.wait(seconds):
            raise HttpFailure(f"{reason}, and the run was interrupted", passing=False)


def retry_after(answer: requests.Response) -> float | None:
    """Return the seconds that `Retry-After` asks for; a date counts from the answer's own."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        # The date is one of the server's clock, from which the clock of this machine may differ.
        if "Date" not in answer.headers:
            return urllib3.util.Retry().parse_retry_after(text)
        end = parsedate_to_datetime(text)
        return max(0.0, (end - parsedate_to_datetime(answer.headers["Date"])).total_seconds())
    except (InvalidHeader, ValueError, TypeError, OverflowError):
        return None


def persist(
    ask: Callable[[], requests.Response], method: str, retries: Retries
) -> requests.Response:
    """Return the answer to a request, which is sent again while the server fails.

    Raises the HttpFailure of the last attempt.
    """
    while True:
        try:
            answer = ask()
            if not retries.is_failure(answer):
                return answer
            failure = HttpFailure(f"answered {status_text(answer.status_code)}", answer=answer)
        except HttpFailure as error:
            failure = error
        if not retries.is_repeatable(method, failure):
            raise failure
        try:
            retries = retries.increment(method, error=failure)
        except MaxRetryError:
            raise failure from None
        retries.sleep(failure.answer)


@dataclass(frozen=True, slots=True)
class OpenAnswer:
    """An answer before its body was read, which has to end before the `deadline`."""

    response: requests.Response
    policy: HttpPolicy
    deadline: float

    def chunks(self, decode: bool = True) -> Iterator[bytes]:
        """Yield the body as it arrives."""
        while chunk := self.response.raw.read1(CHUNK, decode_content=decode):
            yield chunk
            if time.monotonic() > self.deadline:
                text = f"did not answer completely within {self.policy.timeout:g} s (--timeout)"
                raise HttpFailure(text, passing=False)


@contextmanager
def open_answer(send: Send, policy: HttpPolicy) -> Iterator[OpenAnswer]:
    """Send one request and yield the answer, whatever its status; raise HttpFailure without one."""
    deadline = time.monotonic() + policy.timeout
    connect, silence = (
        min(seconds, policy.timeout) for seconds in (policy.connect_timeout, policy.silence)
    )
    try:
        with send(stream=True, allow_redirects=False, timeout=(connect, silence)) as response:
            yield OpenAnswer(response, policy, deadline)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        # A request that took all the time that it may take will take it again.
        passing = time.monotonic() < deadline
        raise _failure_of(error, connect, silence, passing) from None


def exchange(send: Send, policy: HttpPolicy, limit: int = MAX_BODY) -> requests.Response:
    """Send one request and return the answer with its body, which may have `limit` bytes."""
    body = io.BytesIO()
    with open_answer(send, policy) as answer:
        for chunk in answer.chunks():
            body.write(chunk)
            if body.tell() > limit:
                raise HttpFailure(f"answered with more than {limit} bytes", passing=False)
    body.seek(0)
    answer.response.raw = body
    return answer.response


def follow(url: str, ask: Callable[[str], requests.Response]) -> requests.Response:
    """Return the answer at the end of redirects; `ask` may refuse to ask an address."""
    for _ in range(MAX_REDIRECTS + 1):
        answer = ask(url)
        target = redirect_target(answer)
        if target is None:
            return answer
        url = target
    raise HttpFailure(f"redirects more than {MAX_REDIRECTS} times", passing=False)


def redirect_target(answer: requests.Response) -> str | None:
    """Return the address that an answer redirects to, None where it does not redirect."""
    location = answer.headers.get("Location")
    if answer.status_code not in REDIRECTS or location is None:
        return None
    try:
        # Headers arrive as Latin-1, and servers write UTF-8 into them.
        location = location.encode("latin-1").decode("utf-8", "replace")
        target = urljoin(answer.url, location)
        scheme, _ = urlsplit(target).scheme, urlsplit(target).port
    except ValueError:
        raise HttpFailure("redirects to what is not a URL", passing=False) from None
    if scheme not in ("http", "https"):
        raise HttpFailure(f"redirects to {scheme}://, which is refused", passing=False)
    return target


def status_text(code: int) -> str:
    """Return a status as people know it: `503 (service unavailable)`."""
    phrases = {status.value: status.phrase.lower() for status in HTTPStatus}
    return f"{code} ({phrases[code]})" if code in phrases else str(code)


def _leave_unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand in for credentials: where there are none, requests looks into ~/.netrc."""
    return request


def _duration(seconds: float) -> str:
    if seconds > 48 * 3600:
        return "for days"
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _failure_of(error: Exception, connect: float, silence: float, passing: bool) -> HttpFailure:
    """Say what went wrong without the URL, for its query may hold a signature."""
    causes = [error, *_causes(error)]
    kinds = " ".join(type(cause).__name__ for cause in causes)
    if "SSLError" in kinds or "CertificateError" in kinds or "SSLCertVerificationError" in kinds:
        return HttpFailure("has a TLS certificate or protocol that is not accepted", passing=False)
    if isinstance(error, requests.exceptions.ProxyError):
        return HttpFailure("cannot be reached through the proxy")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return HttpFailure(f"cannot be reached within {connect:g} s")
    if isinstance(error, (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)):
        return HttpFailure(f"did not answer within {silence:g} s", passing=passing)
    if "NameResolutionError" in kinds or "gaierror" in kinds:
        return HttpFailure("has a name that cannot be resolved")
    if isinstance(error, (requests.exceptions.InvalidHeader, ValueError)):
        return HttpFailure("has an address that cannot be asked over HTTP", passing=False)
    reason = next((c.strerror for c in causes if isinstance(c, OSError) and c.strerror), "")
    text = "cannot be reached" if "NewConnectionError" in kinds else "broke off the connection"
    return HttpFailure(text + (f" ({reason.lower()})" if reason else ""))


def _causes(error: BaseException) -> list[BaseException]:
    """Return the exceptions inside an exception; urllib3 keeps some in arguments and reasons."""
    causes: list[BaseException] = []
    queue: list[object] = [error]
    while queue:
        candidate = queue.pop(0)
        if isinstance(candidate, BaseException) and candidate not in causes:
            if candidate is not error:
                causes.append(candidate)
            inner = (candidate.__cause__, candidate.__context__, getattr(candidate, "reason", None))
            queue += [*inner, *candidate.args]
    return causes
