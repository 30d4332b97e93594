"""Connections to git servers with the settings that the user's git has for them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3 import disable_warnings
from urllib3.exceptions import (
    ConnectTimeoutError,
    InsecureRequestWarning,
    MaxRetryError,
    NewConnectionError,
)

from distgen import __version__
from distgen.git.http.pkt_line import NotUnderstood
from distgen.git.http.settings import HttpSettings
from distgen.git.http.watched import WatchedAdapter
from distgen.http import HttpSession

# What is compressed may become thousands of times as large.
_PLAIN = {"Accept-Encoding": "identity", "Connection": "keep-alive"}
AGENT = f"distgen/{__version__}"
_SHARED = ("proxy", "ca_file", "verify", "certificate", "key", "user_agent")
"""The settings that hold for a whole connection."""


class RemoteFailure(Exception):
    """A server did not do what it was asked; the text is what git would say of it."""

    def __init__(self, error: str, *, status: int = 0, timed_out: bool = False) -> None:
        super().__init__(error)
        self.status = status
        self.timed_out = timed_out


class GitSession(HttpSession):
    """Connections with one set of settings, and none of the process's own environment."""

    def __init__(self, settings: HttpSettings, parallel: int) -> None:
        super().__init__()
        # Some servers show repositories to what calls itself git, and pages to all others.
        self.agent = settings.user_agent or f"git/2 ({AGENT})"
        self.trust_env = False
        paths = ssl.get_default_verify_paths()
        authorities = settings.ca_file or paths.cafile or paths.capath or True
        self.authorities: bool | str = authorities if settings.verify else False
        if not settings.verify:
            # It would warn on stderr of what the user has chosen.
            disable_warnings(InsecureRequestWarning)
        if settings.certificate:
            self.cert = (settings.certificate, settings.key or settings.certificate)
        self.proxies = {"http": settings.proxy, "https": settings.proxy} if settings.proxy else {}
        for scheme in ("http://", "https://"):
            self.mount(scheme, WatchedAdapter(parallel))

    def ask(
        self, url: str, headers: dict[str, str], body: bytes | None, **options: Any
    ) -> requests.Response:
        """Send one request as it is, with the settings of this session for every address.

        Session.request() takes longer to prepare cookies, hooks and redirects, which there are
        none of, than the request itself does.
        """
        request = requests.PreparedRequest()
        request.method = "GET" if body is None else "POST"
        request.url, request.body, request.hooks = url, body, {"response": []}
        request.headers = CaseInsensitiveDict({"User-Agent": self.agent, **_PLAIN, **headers})
        if body is not None:
            request.headers["Content-Length"] = str(len(body))
        options.pop("allow_redirects")
        return self.get_adapter(url).send(
            request, verify=self.authorities, cert=self.cert, proxies=self.proxies, **options
        )


def connection_settings(settings: HttpSettings) -> HttpSettings:
    """Return the settings without those that differ from one request to the next."""
    return HttpSettings(**{name: getattr(settings, name) for name in _SHARED})


@contextmanager
def connection_errors(address: str) -> Iterator[None]:
    """Raise what git would say of a server that is not reached, or leave it to git to say."""
    try:
        yield
    except (requests.exceptions.SSLError, requests.exceptions.ProxyError):
        raise NotUnderstood("its connection is not accepted") from None
    except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, ValueError):
        raise NotUnderstood("its address or header cannot be sent") from None
    except requests.exceptions.ConnectionError as error:
        cause = error.args[0] if error.args else None
        reason = cause.reason if isinstance(cause, MaxRetryError) else None
        if isinstance(reason, (NewConnectionError, ConnectTimeoutError)):
            inner = reason.__cause__
            words = inner.strerror if isinstance(inner, OSError) and inner.strerror else "no answer"
            text = f"Failed to connect to {urlsplit(address).hostname}: {words}"
            raise RemoteFailure(f"fatal: unable to access '{address}/': {text}") from None
        raise
    except OSError as error:
        if isinstance(error, requests.RequestException):
            raise
        raise NotUnderstood("a file of its certificates cannot be read") from None


def parse_headers(lines: tuple[str, ...]) -> dict[str, str]:
    """Return the headers of `http.extraHeader` by name."""
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not value.strip() or name.lower() in map(str.lower, headers):
            raise NotUnderstood("http.extraHeader is set in a way that only curl knows")
        headers[name] = value.strip()
    return headers


def check_key(settings: HttpSettings) -> None:
    """Leave a key with a passphrase to git: OpenSSL would ask for it on the terminal."""
    try:
        path = settings.key or settings.certificate
        if path and b"ENCRYPTED" in Path(path).read_bytes():
            raise NotUnderstood("its key has a passphrase")
    except OSError:
        raise NotUnderstood("its key cannot be read") from None
