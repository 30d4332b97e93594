"""Decide from git's configuration how an address is reached over HTTP, and whether we can."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from distgen.git.http.pkt_line import NotUnderstood

_PORTS = {"http": 80, "https": 443}
# What these keys ask for is given anyway, or makes no difference to what arrives.
_WITHOUT_EFFECT = frozenset(
    {"lowspeedlimit", "lowspeedtime", "postbuffer", "maxrequests", "minsessions", "noepsv",
     "version", "keepaliveidle", "keepaliveinterval", "keepalivecount"}
)  # fmt: skip
_TEXTS = {"proxy": "proxy", "sslcainfo": "ca_file", "sslcert": "certificate", "sslkey": "key",
          "useragent": "user_agent"}  # fmt: skip
_FOREIGN_VARIABLES = re.compile(
    r"GIT_(SSL_(?!NO_VERIFY$|CAINFO$|CERT$|KEY$)\w+|PROXY_SSL\w*|HTTP_PROXY_AUTHMETHOD)"
)
_NO_WORDS = ("false", "no", "off", "0", "")
_YES_WORDS = ("true", "yes", "on", "1")
_WILD = re.compile(r"[*%\s]")

Configuration = tuple[tuple[str, str], ...]
"""Keys and values as `git config --list` prints them, in order; a key without a value is true."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How a server is reached: what its connections have in common, and the headers it is sent."""

    proxy: str = field(default="", repr=False)
    ca_file: str = ""
    verify: bool = True
    certificate: str = ""
    key: str = ""
    user_agent: str = ""
    follow: bool = True
    headers: tuple[str, ...] = field(default=(), repr=False)


def parse_configuration(output: bytes) -> Configuration:
    """Parse what `git config --null --list` prints."""
    entries = output.decode("utf-8", "surrogateescape").split("\0")
    pairs = (entry.partition("\n") for entry in entries if entry)
    return tuple((key, value if newline else "true") for key, newline, value in pairs)


def rewrite_url(configuration: Configuration, url: str, is_push: bool) -> str:
    """Return the address that git uses instead of `url`: the longest `url.*.insteadOf` counts."""
    prefixes: dict[str, dict[str, str]] = {"insteadof": {}, "pushinsteadof": {}}
    for key, value in configuration:
        section, _, rest = key.partition(".")
        base, _, name = rest.rpartition(".")
        if section == "url" and name in prefixes and value and url.startswith(value):
            prefixes[name][value] = base
    for name in ("pushinsteadof", "insteadof") if is_push else ("insteadof",):
        if matches := prefixes[name]:
            longest = max(matches, key=len)
            return matches[longest] + url[len(longest) :]
    return url


def find_settings(
    configuration: Configuration, variables: Mapping[str, str], url: str
) -> HttpSettings:
    """Return how git would reach an address; raise NotUnderstood where only git knows."""
    if names := [name for name in variables if _FOREIGN_VARIABLES.fullmatch(name)]:
        raise NotUnderstood(f"{names[0]} is set")
    settings, ranks = HttpSettings(), dict[str, tuple[int, int, int]]()
    for key, value in configuration:
        section, _, rest = key.partition(".")
        pattern, _, name = rest.rpartition(".")
        if section in ("credential", "remote"):
            _refuse_key(section, pattern, name, value, url)
        if section != "http":
            continue
        rank = _match_url(pattern, url) if pattern else (0, 0, 0)
        # As git does: a key that matches better hides those that match less, wherever they stand.
        if rank is None or rank < ranks.get(name, (0, 0, 0)):
            continue
        ranks[name] = rank
        settings = _apply_key(settings, name, value)
    settings = _apply_variables(settings, variables)
    proxy = settings.proxy if "proxy" in ranks else _proxy_of(variables, url)
    if _is_direct(variables, urlsplit(url).hostname or ""):
        proxy = ""
    return replace(settings, proxy=_check_proxy(proxy))


def _refuse_key(section: str, pattern: str, name: str, value: str, url: str) -> None:
    if section == "credential" and name == "usehttppath" and value.lower() not in _NO_WORDS:
        raise NotUnderstood("credential.useHttpPath is set")
    if section == "remote" and pattern == url:
        raise NotUnderstood("there is a remote of this name")
    # One login serves a whole host.
    is_for_folder = section == "credential" and value and urlsplit(pattern).path.strip("/")
    if is_for_folder and _match_url(pattern, url) is not None:
        raise NotUnderstood(f"credential.{name} is set for a folder")


def _apply_key(settings: HttpSettings, name: str, value: str) -> HttpSettings:
    if name in _TEXTS:
        text: dict[str, Any] = {_TEXTS[name]: value}
        return replace(settings, **text)
    if name == "sslverify":
        return replace(settings, verify=_is_true(value))
    if name == "extraheader":
        # An empty value takes back the headers before it.
        return replace(settings, headers=(*settings.headers, value) if value else ())
    if name == "followredirects":
        return replace(settings, follow=value == "initial" or _is_true(value))
    if name not in _WITHOUT_EFFECT:
        raise NotUnderstood(f"http.{name} is set")
    return settings


def _is_true(value: str) -> bool:
    word = value.lower()
    if word not in _NO_WORDS + _YES_WORDS:
        raise NotUnderstood(f"{value!r} is neither true nor false")
    return word in _YES_WORDS


def _apply_variables(settings: HttpSettings, variables: Mapping[str, str]) -> HttpSettings:
    """Let the variables count that git reads; they override what is configured."""
    return replace(
        settings,
        verify=settings.verify and "GIT_SSL_NO_VERIFY" not in variables,
        ca_file=_expand(variables.get("GIT_SSL_CAINFO") or settings.ca_file, variables),
        certificate=_expand(variables.get("GIT_SSL_CERT") or settings.certificate, variables),
        key=_expand(variables.get("GIT_SSL_KEY") or settings.key, variables),
    )


def _expand(path: str, variables: Mapping[str, str]) -> str:
    """Return a path as git reads it, with the home folder in it."""
    if path.startswith("~/"):
        return str(PurePosixPath(variables.get("HOME", "/"), path[2:]))
    if path.startswith(("~", "%(prefix)")):
        raise NotUnderstood(f"{path} is a path that only git knows")
    return path


def _proxy_of(variables: Mapping[str, str], url: str) -> str:
    # curl does not read HTTP_PROXY, for a web server sets it to what a stranger says.
    names = ("http_proxy",) if url.startswith("http:") else ("https_proxy", "HTTPS_PROXY")
    proxies = (variables.get(name) for name in (*names, "all_proxy", "ALL_PROXY"))
    return next((proxy for proxy in proxies if proxy), "")


def _check_proxy(proxy: str) -> str:
    if not proxy:
        return ""
    address = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(address)
        host = parts.hostname if parts.port else None  # curl has a port for proxies of its own
    except ValueError:
        host = None
    if not host or parts.scheme != "http" or (parts.username and not parts.password):
        raise NotUnderstood("its proxy is one that only git knows")
    return address


def _is_direct(variables: Mapping[str, str], host: str) -> bool:
    """Tell whether `no_proxy` names a host, a domain above it, or a network that it is in."""
    words = variables.get("no_proxy", variables.get("NO_PROXY", "")).replace(",", " ").split()
    return any(_names_host(word.lower().removeprefix("."), host.lower()) for word in words)


def _names_host(word: str, host: str) -> bool:
    if word in {"*", host} or host.endswith(f".{word}"):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(word, strict=False)
    except ValueError:
        return False


def _match_url(pattern: str, url: str) -> tuple[int, int, int] | None:
    """Return how well the URL of a key matches (host, path, user), None where it does not."""
    expected, parts = _split_url(pattern), _split_url(url)
    if expected is None or parts is None:
        if _WILD.search(pattern):
            raise NotUnderstood(f"http.{pattern} is a pattern that only git knows")
        return None
    origin, path, user = expected
    if origin != parts[0] or (user and user != parts[2]):
        return None
    if not is_plain_url(pattern):  # git compares paths without dots and escapes
        raise NotUnderstood(f"http.{pattern} is a pattern that only git knows")
    folder = path.rstrip("/")
    if parts[1] != folder and not parts[1].startswith(f"{folder}/"):
        return None
    return len(origin), len(folder) + 1, int(bool(user))


def _split_url(url: str) -> tuple[str, str, str] | None:
    """Return scheme, host and port, then path and user of a URL; None where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or _WILD.search(parts.netloc):
        return None
    return f"{parts.scheme}://{parts.hostname}:{port}", parts.path, parts.username or ""


def is_plain_url(url: str) -> bool:
    """Tell whether git and our HTTP library ask the same for an address."""
    # The library takes dots out of a path, and writes escapes anew.
    parts = url.split("/")
    return (
        url.isascii()
        and url.isprintable()
        and not (set(url) & set(' ?#\\%"<>^`{|}[]') or {".", ".."} & set(parts))
    )
