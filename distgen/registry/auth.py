"""Read what the 401 of a registry asks for, and make the `Authorization` header that answers it.

Basic is RFC 7617; Bearer is https://distribution.github.io/distribution/spec/auth/token/.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from distgen.registry.credentials import Credential, Credentials
from distgen.registry.errors import RegistryError
from distgen.registry.oci import read_json

_CHALLENGE = re.compile(r"([A-Za-z0-9_-]+)(?=\s+[A-Za-z0-9_-]+\s*=|\s*(?:,|\Z))\s*")
_PARAMETER = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))\s*,?\s*')
CLIENT = "distgen"


@dataclass(frozen=True, slots=True)
class Scope:
    """A repository and the actions on it, such as `pull,push`, as token servers name them."""

    repository: str
    actions: str = "pull"

    def __str__(self) -> str:
        return f"repository:{self.repository}:{self.actions}"


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a `WWW-Authenticate` header."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request for a token; `form` makes it a POST."""

    url: str
    authorization: str | None = field(default=None, repr=False)
    form: str | None = field(default=None, repr=False)


Fetch = Callable[[TokenRequest], bytes]


class Authority:
    """The headers that hosts accepted so far; made once per run and shared by all threads."""

    def __init__(self, credentials: Credentials, fetch: Fetch) -> None:
        self._credentials = credentials
        self._fetch = fetch
        self._challenges: dict[str, Challenge] = {}
        self._headers: dict[tuple[str, str], str] = {}
        self._locks: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def header(self, host: str, scope: Scope) -> str | None:
        """Return the header for a request; a host that wants tokens is asked for one at once."""
        challenge = self._challenges.get(host)
        if challenge is None:
            return None
        return self._header(host, scope, challenge, rejected_header=None)

    def answer(
        self, host: str, scope: Scope, header: str, rejected_header: str | None
    ) -> str | None:
        """Return the header that answers a 401, None where there is no better one."""
        challenge = _choose(parse_challenges(header))
        if challenge is None:
            return None
        self._challenges[host] = _without_scope(challenge)
        return self._header(host, scope, challenge, rejected_header)

    def _header(
        self, host: str, scope: Scope, challenge: Challenge, rejected_header: str | None
    ) -> str | None:
        key = (host, str(scope))
        with self._guard:
            lock = self._locks[key]
        with lock:
            header = self._headers.get(key)
            if header is not None and header != rejected_header:
                return header
            header = self._obtain(host, scope, challenge)
            if header is None or (header == rejected_header and header.startswith("Basic")):
                return None
            self._headers[key] = header
            return header

    def _obtain(self, host: str, scope: Scope, challenge: Challenge) -> str | None:
        name = host.removeprefix("http://").removeprefix("https://")
        credential = self._credentials.find(name, scope.repository)
        if credential is not None and credential.bearer:
            return f"Bearer {credential.bearer}"
        if challenge.scheme == "basic":
            return credential.basic if credential and credential.user else None
        return f"Bearer {self._token(host, scope, challenge, credential)}"

    def _token(
        self, host: str, scope: Scope, challenge: Challenge, credential: Credential | None
    ) -> str:
        realm = challenge.parameters.get("realm", "")
        _check_realm(realm, host)
        answer = read_json(self._fetch(_token_request(realm, scope, challenge, credential)))
        document = answer if isinstance(answer, dict) else {}
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            place = urlsplit(realm).netloc
            raise RegistryError(f"the token server {place} did not give a token", where=host)
        return token


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Parse a `WWW-Authenticate` header, which may hold several challenges (RFC 9110, 11.6.1)."""
    challenges, at = [], 0
    while at < len(header):
        scheme = _CHALLENGE.match(header, at)
        if scheme is None:
            break
        at, parameters = scheme.end(), {}
        while (pair := _PARAMETER.match(header, at)) is not None:
            quoted, plain = pair.group(2), pair.group(3)
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            parameters[pair.group(1).lower()] = value
            at = pair.end()
        while at < len(header) and header[at] in ", ":
            at += 1
        challenges.append(Challenge(scheme.group(1).lower(), parameters))
    return tuple(challenges)


def _without_scope(challenge: Challenge) -> Challenge:
    """Return a challenge that holds for requests about other repositories of its host."""
    rest = {name: value for name, value in challenge.parameters.items() if name != "scope"}
    return Challenge(challenge.scheme, rest)


def _choose(challenges: tuple[Challenge, ...]) -> Challenge | None:
    for scheme in ("bearer", "basic"):
        for challenge in challenges:
            if challenge.scheme == scheme:
                return challenge
    return None


def _check_realm(realm: str, host: str) -> None:
    try:
        parts = urlsplit(realm)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RegistryError("the registry does not name a token server", where=host)
    if parts.scheme == "http" and host.startswith("https://"):
        raise RegistryError(
            f"the registry wants credentials sent to {parts.netloc} unencrypted, which is refused",
            where=host,
        )


def _token_request(
    realm: str, scope: Scope, challenge: Challenge, credential: Credential | None
) -> TokenRequest:
    # A registry behind a proxy may know the repository by another name: its own word counts.
    parameters = {"scope": challenge.parameters.get("scope") or str(scope)}
    if "service" in challenge.parameters:
        parameters["service"] = challenge.parameters["service"]
    if credential is not None and credential.identity:
        parameters |= {
            "grant_type": "refresh_token",
            "refresh_token": credential.identity,
            "client_id": CLIENT,
        }
        return TokenRequest(realm, form=urlencode(parameters))
    separator = "&" if urlsplit(realm).query else "?"
    basic = credential.basic if credential is not None and credential.user else None
    return TokenRequest(realm + separator + urlencode(parameters), authorization=basic)
