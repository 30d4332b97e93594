"""HTTP to registries: patient, counted, bounded, and with credentials for nobody else.

Retries what may pass, waits as long as a registry asks, follows redirects without credentials once
another host is named, and repeats no query or header in a message.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from distgen import __version__
from distgen.model.reference import is_loopback
from distgen.registry.auth import Authority, Scope, TokenRequest
from distgen.registry.credentials import Credentials
from distgen.registry.errors import (
    Broken,
    Refused,
    RegistryError,
    retry_after,
    sentence,
    status_text,
)
from distgen.registry.redirects import check_redirect, origin_of, target_of

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a registry, in seconds: to connect, between bytes, for one answer.

    `attempts` counts the first one; the pauses between them begin with `pause` and double;
    `longest` is the longest wait that a registry may ask for with `Retry-After`.
    """

    connect: float = 10
    silence: float = 30
    answer: float = 120
    attempts: int = 4
    pause: float = 0.5
    longest: float = 120


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask of a registry; `path` begins with /v2/, `limit` bounds the answer's bytes."""

    method: str
    path: str
    scope: Scope
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    limit: int = 4 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, read whole; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str


class Transport:
    """Connections to registries, kept open for one run and shared by all its threads."""

    def __init__(
        self,
        credentials: Credentials = Credentials(),  # noqa: B008 - frozen and empty
        patience: Patience = Patience(),
        *,
        parallel: int = 16,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience
        self._sleep = sleep
        self._clock = clock
        self._session = _session(parallel)
        self._authority = Authority(credentials, self._fetch_token)
        self._bases: dict[str, str] = {}
        self._answered: set[str] = set()
        self._dead: dict[str, str] = {}
        self._lock = threading.Lock()
        self._met: set[str] = set()
        self._meeting: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._count = itertools.count()
        self.requests = 0

    def send(self, host: str, request: Request) -> Answer:
        """Ask a registry and return its answer, whatever its status; failures are errors.

        `host` is a host name with an optional port, http:// in front where plain HTTP is wanted.
        """
        base = self._base(host)
        return self._patiently(base, lambda: self._authorised(base, request))

    def is_plain(self, host: str) -> bool:
        """Tell whether a host is asked in plain HTTP."""
        return self._base(host).startswith("http://")

    def _patiently(self, origin: str, ask: Callable[[], Answer]) -> Answer:
        if origin in self._dead:
            raise RegistryError(self._dead[origin], where=urlsplit(origin).netloc)
        where, problem = urlsplit(origin).netloc, ""
        for attempt in range(self._patience.attempts):
            wait = self._patience.pause * 2**attempt
            try:
                answer = ask()
            except Broken as broken:
                problem = str(broken)
                if not broken.passing:
                    break
            else:
                if answer.status not in RETRIED:
                    return answer
                problem = f"the registry answered {status_text(answer.status)}"
                asked = retry_after(answer.headers)
                if asked is not None and asked > self._patience.longest:
                    raise RegistryError(f"{problem} and asks to wait {asked:.0f} s", where=where)
                wait = wait if asked is None else asked
            if attempt + 1 < self._patience.attempts:
                self._sleep(wait)
        if origin not in self._answered:
            self._dead[origin] = problem
        raise RegistryError(problem, where=where)

    def _authorised(self, base: str, request: Request) -> Answer:
        if base in self._met:
            return self._asked(base, request)
        # The first answer says how to log in; until then, asking more would only be refused more.
        with self._meeting[base]:
            try:
                return self._asked(base, request)
            finally:
                self._met.add(base)

    def _asked(self, base: str, request: Request) -> Answer:
        header = self._authority.known(base, request.scope)
        answer = self._follow(base, request, header)
        asks = answer.headers.get("www-authenticate", "")
        if answer.status != 401 or not asks or origin_of(answer.url) != base:
            return answer
        better = self._authority.answer(base, request.scope, asks, header)
        if better is not None:
            answer = self._follow(base, request, better)
        if answer.status != 401:
            return answer
        place = urlsplit(base).netloc
        raise Refused(
            "the registry wants credentials, and none are known"
            if header is None and better is None
            else "the registry does not accept the credentials",
            where=f"{place}/{request.scope.repository}",
            hint=f"log in, such as with `skopeo login {place}`",
        )

    def _fetch_token(self, wanted: TokenRequest) -> bytes:
        def ask() -> Answer:
            method, headers, body = "GET", {"Accept": "application/json"}, None
            if wanted.form is not None:
                method, body = "POST", wanted.form.encode()
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            if wanted.authorization is not None:
                headers["Authorization"] = wanted.authorization
            return self._exchange(method, wanted.url, headers, body, 1 << 20)

        answer = self._patiently(origin_of(wanted.url), ask)
        if answer.status == 200:
            return answer.body
        where = urlsplit(wanted.url).netloc
        if answer.status in (400, 401, 403):
            raise Refused(
                "the token server does not accept the credentials",
                where=where,
                hint="log in again, such as with `skopeo login`",
            )
        raise RegistryError(f"the token server answered {status_text(answer.status)}", where=where)

    def _follow(self, base: str, request: Request, authorization: str | None) -> Answer:
        url, secret, method, body = base + request.path, authorization, request.method, request.body
        for _ in range(MAX_REDIRECTS + 1):
            headers = dict(request.headers)
            if secret is not None:
                headers["Authorization"] = secret
            answer = self._exchange(method, url, headers, body, request.limit)
            target = answer.headers.get("location")
            if answer.status not in REDIRECTS or target is None:
                return answer
            before, url = url, target_of(url, target)
            check_redirect(before, url, changing=method not in ("GET", "HEAD"))
            if origin_of(url) != base:
                secret = None
        raise Broken(f"the registry redirects more than {MAX_REDIRECTS} times", passing=False)

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int
    ) -> Answer:
        with self._lock:
            self.requests = next(self._count) + 1
        deadline = self._clock() + self._patience.answer
        try:
            with self._session.request(
                method,
                url,
                headers=dict(headers),
                data=body,
                stream=True,
                allow_redirects=False,
                proxies=_proxies(url),
                timeout=(self._patience.connect, self._patience.silence),
            ) as response:
                self._answered.add(origin_of(url))
                lower = {name.lower(): value for name, value in response.headers.items()}
                content = self._read(response, limit, deadline)
                return Answer(response.status_code, lower, content, url)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as broken:
            raise sentence(broken, self._patience.connect, self._patience.silence) from None

    def _read(self, response: requests.Response, limit: int, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            size += len(chunk)
            parts.append(chunk)
            if size > limit:
                raise Broken(f"the registry answered with more than {limit} bytes", passing=False)
            if self._clock() > deadline:
                raise Broken(f"the answer took more than {self._patience.answer:.0f} s")
        return b"".join(parts)

    def _base(self, host: str) -> str:
        """Return `https://host`, or `http://host` where asked for or found on this very machine."""
        if host.startswith("http://"):
            return host
        if not is_loopback(host):
            return f"https://{host}"
        with self._meeting[host]:
            if host not in self._bases:
                self._bases[host] = f"http://{host}"
                with suppress(Broken):
                    self._exchange("GET", f"https://{host}/v2/", {}, None, CHUNK)
                    self._bases[host] = f"https://{host}"
            return self._bases[host]


class _NoAuth(requests.auth.AuthBase):
    """Keeps requests from looking for passwords in ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Session(requests.Session):
    """Leaves redirects alone: to prepare for one, requests would read its whole body."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def _session(parallel: int) -> requests.Session:
    session = _Session()
    session.auth = _NoAuth()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update(
        {"User-Agent": f"distgen/{__version__}", "Accept-Encoding": "identity", "Accept": "*/*"}
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=8, pool_maxsize=parallel))
    return session


def _proxies(url: str) -> dict[str, str]:
    """Keep proxies, which the environment may name, out of the way to this very machine."""
    return {"http": "", "https": ""} if is_loopback(urlsplit(url).netloc) else {}
