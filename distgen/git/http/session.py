"""Connections to git servers with the settings that the user's git has for them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3 import Timeout, disable_warnings
from urllib3.exceptions import (
    ConnectTimeoutError,
    InsecureRequestWarning,
    InvalidHeader,
    ProxyError,
    SSLError,
)

from distgen import __version__
from distgen.git.http.pkt_line import NotUnderstood
from distgen.git.http.settings import HttpSettings
from distgen.git.http.watched import watched_pools

# What is compressed may become thousands of times as large.
_PLAIN = {"Accept-Encoding": "identity", "Connection": "keep-alive"}
AGENT = f"distgen/{__version__}"
_AS_IT_IS: dict[str, Any] = {
    "retries": False,
    "redirect": False,
    "assert_same_host": False,
    "preload_content": False,
    "decode_content": False,
}
_SHARED = ("proxy", "ca_file", "verify", "certificate", "key", "user_agent")
"""The settings that hold for a whole connection."""


class RemoteFailure(Exception):
    """A server did not do what it was asked; the text is what git would say of it."""

    def __init__(self, error: str, *, status: int = 0, timed_out: bool = False) -> None:
        super().__init__(error)
        self.status = status
        self.timed_out = timed_out


class GitSession:
    """Connections with one set of settings, and none of the process's own environment."""

    def __init__(self, settings: HttpSettings, parallel: int) -> None:
        # Some servers show repositories to what calls itself git, and pages to all others.
        agent = settings.user_agent or f"git/2 ({AGENT})"
        self._headers = {"User-Agent": agent, **_PLAIN}
        if not settings.verify:
            # It would warn on stderr of what the user has chosen.
            disable_warnings(InsecureRequestWarning)
        self._pools = watched_pools(settings.proxy, parallel, _tls_options(settings))

    def ask(
        self, url: str, headers: dict[str, str], body: bytes | None, timeout: tuple[float, float]
    ) -> requests.Response:
        """Send one request as it is; the body of its answer is still to be read.

        Session.send() of requests takes as long to prepare cookies, hooks and redirects, which
        there are none of, as the request itself does.
        """
        parts = urlsplit(url)
        pool = self._pools.connection_from_host(parts.hostname, parts.port, parts.scheme)
        is_relayed = self._pools.proxy is not None and parts.scheme == "http"
        raw = pool.urlopen(
            "GET" if body is None else "POST",
            url if is_relayed else url[url.index("/", len(parts.scheme) + 3) :],
            body=body,
            headers={**self._headers, **headers},
            timeout=Timeout(connect=timeout[0], read=timeout[1]),
            **_AS_IT_IS,
        )
        answer = requests.Response()
        answer.status_code, answer.url, answer.raw = raw.status, url, raw
        answer.headers = cast("CaseInsensitiveDict[str]", raw.headers)
        return answer


def _tls_options(settings: HttpSettings) -> dict[str, Any]:
    """Return how urllib3 proves a server, and itself to it."""
    options: dict[str, Any] = {"cert_reqs": "CERT_NONE"}
    if settings.verify:
        paths = ssl.get_default_verify_paths()
        authorities = (
            settings.ca_file
            or paths.cafile
            or paths.capath
            or requests.utils.DEFAULT_CA_BUNDLE_PATH
        )
        word = "ca_cert_dir" if Path(authorities).is_dir() else "ca_certs"
        options = {"cert_reqs": "CERT_REQUIRED", word: authorities}
    if settings.certificate:
        options["cert_file"] = settings.certificate
        options["key_file"] = settings.key or settings.certificate
    return options


def connection_settings(settings: HttpSettings) -> HttpSettings:
    """Return the settings without those that differ from one request to the next."""
    return HttpSettings(**{name: getattr(settings, name) for name in _SHARED})


@contextmanager
def connection_errors(address: str) -> Iterator[None]:
    """Raise what git would say of a server that is not reached, or leave it to git to say."""
    try:
        yield
    except (SSLError, ProxyError):
        raise NotUnderstood("its connection is not accepted") from None
    except (InvalidHeader, ValueError):
        raise NotUnderstood("its address or header cannot be sent") from None
    except ConnectTimeoutError as error:  # what cannot be connected to at all is one, too
        inner = error.__cause__
        words = inner.strerror if isinstance(inner, OSError) and inner.strerror else "no answer"
        text = f"Failed to connect to {urlsplit(address).hostname}: {words}"
        raise RemoteFailure(f"fatal: unable to access '{address}/': {text}") from None
    except OSError:
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
    paths = {settings.certificate, settings.key} - {""}
    try:
        contents = [Path(path).read_bytes() for path in sorted(paths)]
    except OSError:
        raise NotUnderstood("its key cannot be read") from None
    if any(b"ENCRYPTED" in content for content in contents):
        raise NotUnderstood("its key has a passphrase")
