"""HTTP to registries: logged in, counted, and with credentials for no other host."""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from requests import Response

from distgen.http import (
    CHUNK,
    MAX_BODY,
    HttpFailure,
    HttpPolicy,
    HttpSession,
    Retries,
    exchange,
    follow,
    persist,
    status_text,
)
from distgen.model.reference import is_loopback
from distgen.registry.auth import Authority, Scope, TokenRequest
from distgen.registry.credentials import Credentials
from distgen.registry.errors import Refused, RegistryError

TOKEN_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class RegistryRequest:
    """A request to a registry; `path` begins with /v2/, the answer has `limit` bytes at most."""

    method: str
    path: str
    scope: Scope
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    limit: int = MAX_BODY


class Transport:
    """Connections to registries, kept open for one run and shared by all its threads."""

    def __init__(
        self,
        credentials: Credentials = Credentials(),  # noqa: B008 - frozen and empty
        policy: HttpPolicy | None = None,
        *,
        parallel: int = 16,
    ) -> None:
        self._policy = policy or HttpPolicy()
        self._session = HttpSession(parallel)
        self._authority = Authority(credentials, self._fetch_token)
        self._bases: dict[str, str] = {}
        self._reached: set[str] = set()
        self._failures: dict[str, str] = {}
        self._lock = threading.Lock()
        self._greeted: set[str] = set()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._count = itertools.count()
        self.requests = 0

    def send(self, host: str, request: RegistryRequest) -> Response:
        """Ask a registry and return its answer, whatever its status; failures are errors.

        `host` is a host name with an optional port, http:// in front where plain HTTP is wanted.
        """
        base = self._base(host)
        ask = partial(self._persist, base, "the registry", partial(self._authorize, base, request))
        if base in self._greeted:
            return ask()
        # The first answer says how to log in, or that there is none: until then, asking for more
        # things would only fail more often.
        with self._locks[base]:
            try:
                return ask()
            finally:
                self._greeted.add(base)

    def is_plain(self, host: str) -> bool:
        """Tell whether a host is asked in plain HTTP."""
        return self._base(host).startswith("http://")

    def _persist(self, origin: str, role: str, ask: Callable[[], Response]) -> Response:
        host = urlsplit(origin).netloc
        if origin in self._failures:
            raise RegistryError(self._failures[origin], where=host)
        # Every request to a registry may be repeated, also the POST that fetches a token.
        retries = Retries(policy=self._policy, server=host, allowed_methods=None)
        try:
            return persist(ask, "GET", retries)
        except HttpFailure as failure:
            problem = f"{role} {failure}"
        if origin not in self._reached:
            self._failures[origin] = problem
        raise RegistryError(problem, where=host)

    def _authorize(self, base: str, request: RegistryRequest) -> Response:
        header = self._authority.header(base, request.scope)
        answer = self._follow(base, request, header)
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status_code != 401 or not challenge or origin_of(answer.url) != base:
            return answer
        better = self._authority.answer(base, request.scope, challenge, header)
        if better is not None:
            answer = self._follow(base, request, better)
        if answer.status_code != 401:
            return answer
        host = urlsplit(base).netloc
        raise Refused(
            "the registry wants credentials, and none are known"
            if header is None and better is None
            else "the registry does not accept the credentials",
            where=f"{host}/{request.scope.repository}",
            hint=f"log in, such as with `skopeo login {host}`",
        )

    def _fetch_token(self, token: TokenRequest) -> bytes:
        method, headers, body = "GET", {"Accept": "application/json"}, None
        if token.form is not None:
            method, body = "POST", token.form.encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if token.authorization is not None:
            headers["Authorization"] = token.authorization
        ask = partial(self._exchange, method, token.url, headers, body, TOKEN_LIMIT)
        answer = self._persist(origin_of(token.url), "the token server", ask)
        if answer.status_code == 200:
            return answer.content
        host = urlsplit(token.url).netloc
        if answer.status_code in (400, 401, 403):
            raise Refused(
                "the token server does not accept the credentials",
                where=host,
                hint="log in again, such as with `skopeo login`",
            )
        problem = f"the token server answered {status_text(answer.status_code)}"
        raise RegistryError(problem, where=host)

    def _follow(self, base: str, request: RegistryRequest, authorization: str | None) -> Response:
        previous, secret = base + request.path, authorization

        def ask(url: str) -> Response:
            nonlocal previous, secret
            _check_redirect(previous, url, changes=request.method not in ("GET", "HEAD"))
            # Once another host was asked, no later one gets the credentials, not even this one.
            secret = secret if origin_of(url) == base else None
            previous = url
            headers = dict(request.headers)
            if secret is not None:
                headers["Authorization"] = secret
            return self._exchange(request.method, url, headers, request.body, request.limit)

        return follow(previous, ask)

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int
    ) -> Response:
        with self._lock:
            self.requests = next(self._count) + 1

        def send(**options: Any) -> Response:
            response = self._session.request(
                method, url, headers=dict(headers), data=body, **options
            )
            self._reached.add(origin_of(url))
            return response

        return exchange(send, self._policy, limit)

    def _base(self, host: str) -> str:
        """Return `https://host`, or `http://host` where asked for or found on this very machine."""
        if host.startswith("http://"):
            return host
        if not is_loopback(host):
            return f"https://{host}"
        with self._locks[host]:
            if host not in self._bases:
                self._bases[host] = f"http://{host}"
                with suppress(HttpFailure):
                    self._exchange("GET", f"https://{host}/v2/", {}, None, CHUNK)
                    self._bases[host] = f"https://{host}"
            return self._bases[host]


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL: what credentials are bound to."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def _check_redirect(url: str, target: str, changes: bool) -> None:
    """Refuse to follow a redirect that gives up TLS, or takes a change to another host."""
    before, after = urlsplit(url), urlsplit(target)
    if (before.scheme, after.scheme) == ("https", "http"):
        raise HttpFailure("redirects to http://, which is refused", passing=False)
    if changes and origin_of(url) != origin_of(target):
        text = f"redirects a change to {after.hostname}, which is refused"
        raise HttpFailure(text, passing=False)
