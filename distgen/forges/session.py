"""Ask the HTTP interface of one forge: no other host gets the token, rate limits are waited for."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.auth import AuthBase

from distgen.errors import DistgenError
from distgen.http import (
    HttpFailure,
    HttpPolicy,
    HttpSession,
    Retries,
    Send,
    exchange,
    follow,
    persist,
    redirect_target,
    retry_after,
)

LONGEST_WAIT = 3700
"""Seconds: GitHub lets its clients wait for up to an hour."""
MAX_ANSWER = 16 << 20
_LIMITS = (403, 429)
_SECONDARY_LIMITS = ("secondary rate limit", "abuse detection")


class AuthorizationHeader(AuthBase):
    """An Authorization header that a ~/.netrc does not replace and that no repr shows."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


class SameHostSession(HttpSession):
    """A session that speaks to the host of `base` only, whatever an answer says, and that waits."""

    def __init__(self, base: str, policy: HttpPolicy) -> None:
        super().__init__()
        self.base = base
        self.policy = policy

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        """Send a request; raise DistgenError for another host, a moved target, or no answer."""
        method, url = request.method or "GET", request.url or ""
        # Libraries bring time limits of their own, which are not the user's.
        options = {name: options[name] for name in ("proxies", "verify", "cert") if name in options}
        send: Send = partial(super().send, **options)

        def ask(address: str) -> Response:
            self._refuse_other_host(address)

            def send_there(**exchange_options: Any) -> Response:
                hop = request.copy()
                hop.prepare_url(address, None)
                return send(hop, **exchange_options)

            retries = RateLimits(policy=self.policy, server=urlsplit(address).netloc)
            return persist(partial(exchange, send_there, self.policy, MAX_ANSWER), method, retries)

        try:
            if method in ("GET", "HEAD"):
                return follow(url, ask)
            answer = ask(url)
            target = redirect_target(answer)
        except HttpFailure as failure:
            if failure.answer is not None:
                return failure.answer
            raise DistgenError(str(failure), where=without_query(url)) from None
        if target is not None:
            problem = f"has moved to {urlsplit(target).path}"
            raise DistgenError(problem, where=without_query(url))
        return answer

    def _refuse_other_host(self, url: str) -> None:
        if _host_of(url) != _host_of(self.base):
            raise DistgenError(
                f"an answer led to another server, {urlsplit(url).netloc.rpartition('@')[2]}",
                where=self.base,
                hint="it was not asked, for it must not see the token",
            )


class RateLimits(Retries):
    """The attempts for one request to a forge; pauses for a rate limit are not failed attempts.

    An answer that was limited did nothing, so a POST is sent again, too.
    """

    def is_failure(self, answer: Response) -> bool:
        """Tell whether the server fails, or wants to be asked less."""
        return super().is_failure(answer) or limit_pause(answer, 0) is not None

    def is_repeatable(self, method: str, failure: HttpFailure) -> bool:
        """Tell whether a request may be sent again after a failure."""
        return _is_limited(failure) or super().is_repeatable(method, failure)

    def increment(
        self, method: str | None = None, url: str | None = None, *rest: Any, **options: Any
    ) -> Any:
        """Count an attempt, unless it met a rate limit."""
        retries: Any = self
        if _is_limited(options["error"]):
            retries = self.new(total=int(self.total or 0) + 1)
        return Retries.increment(retries, method, url, *rest, **options)

    def get_retry_after(self, response: Any) -> float | None:
        """Return the seconds that a server asks to be left alone for."""
        pause = limit_pause(response, len(self.history) - 1)
        return super().get_retry_after(response) if pause is None else pause


def _is_limited(failure: HttpFailure) -> bool:
    return failure.answer is not None and limit_pause(failure.answer, 0) is not None


def limit_pause(answer: Response, attempt: int) -> float | None:
    """Return the seconds until a rate limit ends, None where an answer does not speak of one.

    GitHub's rules: `Retry-After`, else `X-RateLimit-Reset` once nothing remains, else a minute,
    and twice as long each time.
    """
    headers, status = answer.headers, answer.status_code
    if status not in _LIMITS:
        return None
    seconds = retry_after(answer)
    if seconds is not None:
        return max(1.0, seconds)
    if headers.get("X-RateLimit-Remaining") == "0" and "X-RateLimit-Reset" in headers:
        return max(1.0, _reset_time(answer) - _server_time(answer) + 1)
    if status == 429 or any(words in answer.text for words in _SECONDARY_LIMITS):
        return 60 * 2.0**attempt
    return None


def error_message(answer: Response) -> str:
    """Return what a server says is wrong, on one line."""
    kind = answer.headers.get("Content-Type", "")
    try:
        # Gerrit speaks plain text.
        body = {"message": answer.text} if kind.startswith("text/plain") else answer.json()
    except (ValueError, RecursionError):
        body = None
    text = body.get("message", "") if isinstance(body, dict) else ""
    return " ".join(str(text).split())[:300] or f"HTTP {answer.status_code}"


def parse_json(answer: Response) -> Any:
    """Return the content of an answer; raise DistgenError when it is not JSON."""
    try:
        # Gerrit's JSON begins with a line that keeps browsers from running it as a script.
        return json.loads(answer.text.removeprefix(")]}'"))
    except (ValueError, RecursionError):
        problem = "does not answer as its interface would"
        hint = "is there another server in front of it, or is dist_git.api another address?"
        raise DistgenError(problem, where=without_query(answer.url), hint=hint) from None


def without_query(url: str) -> str:
    """Return a URL without user and query, where secrets are."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _server_time(answer: Response) -> float:
    """Return the time at the server, for its deadlines are in its own time."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return _reset_time(answer) - 60


def _reset_time(answer: Response) -> float:
    text = answer.headers["X-RateLimit-Reset"]
    return float(text) if text.isdecimal() else 0.0


def _host_of(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    ports = {"https": 443, "http": 80}
    return parts.scheme, (parts.hostname or "").lower(), parts.port or ports.get(parts.scheme)
