"""What can go wrong between here and a registry, as sentences without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import requests
import urllib3

from distgen.errors import DistgenError


class RegistryError(DistgenError):
    """A registry, or the way to it, failed; `where` is the image or the host."""

    def __init__(self, what: str, *, where: object = None, hint: str = "") -> None:
        super().__init__(printable(what), where=where, hint=printable(hint))


class NotFound(RegistryError):
    """The registry answers, and has no such repository, tag or digest."""


class Unreadable(RegistryError):
    """What the registry holds there is not an image of a kind that is known."""


class Unsupported(RegistryError):
    """The registry does not do what it was asked."""


class Refused(RegistryError):
    """The registry wants credentials, or other ones than these."""


class Broken(Exception):
    """The way to a host failed with this sentence; `passing` when another attempt may help."""

    def __init__(self, sentence: str, passing: bool = True) -> None:
        super().__init__(sentence)
        self.passing = passing


def printable(text: str) -> str:
    """Return what a server said without what would move the cursor or change colours."""
    return "".join(one if one.isprintable() else " " for one in text)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks for; a date is counted from the answer's own."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
        return max(0.0, (until - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def status_text(code: int) -> str:
    known = {status.value: status.phrase for status in HTTPStatus}
    return f"{code} ({known[code].lower()})" if code in known else str(code)


def sentence(broken: Exception, connect: float, silence: float) -> Broken:
    """Say what went wrong without the URL, whose query may be a signature."""
    causes = [broken, *_causes(broken)]
    text = " ".join(type(cause).__name__ for cause in causes)
    if "SSLError" in text or "CertificateError" in text or "SSLCertVerificationError" in text:
        return Broken("its TLS certificate or protocol is not accepted", passing=False)
    if isinstance(broken, requests.exceptions.ProxyError):
        return Broken("the proxy does not let requests through")
    if isinstance(broken, requests.exceptions.ConnectTimeout):
        return Broken(f"no connection within {connect:g} s")
    if isinstance(broken, (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)):
        return Broken(f"no answer within {silence:g} s")
    if "NameResolutionError" in text or "gaierror" in text:
        return Broken("its name cannot be resolved")
    if isinstance(broken, (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)):
        return Broken("it is not a place that can be asked over HTTP", passing=False)
    reason = next((c.strerror for c in causes if isinstance(c, OSError) and c.strerror), "")
    if isinstance(broken, requests.exceptions.TooManyRedirects):
        return Broken("it redirects too often", passing=False)
    if isinstance(broken, (requests.exceptions.InvalidSchema, ValueError)):
        return Broken("it redirects to what is no place on the web", passing=False)
    return Broken("the connection failed" + (f" ({reason.lower()})" if reason else ""))


def _causes(broken: BaseException) -> list[BaseException]:
    """Return the exceptions inside an exception; urllib3 keeps some in arguments and reasons."""
    found: list[BaseException] = []
    queue: list[object] = [broken]
    while queue:
        one = queue.pop(0)
        if isinstance(one, BaseException) and one not in found:
            if one is not broken:
                found.append(one)
            queue += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found
