"""Fetch files that builds download, to learn their checksums."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

import requests
import urllib3

from distgen import __version__
from distgen.errors import DistgenError
from distgen.registry.errors import sentence, status_text

CONNECT, SILENCE = 10.0, 60.0
CHUNK = 1 << 20
# A ValueError is what a redirect to something that is no URL ends in.
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, ValueError)


class FileGone(DistgenError):
    """The server answers, and does not have the file."""


def fetch_sha256(url: str) -> str:
    """Download a file, keep nothing of it, and return its checksum."""
    digest = hashlib.sha256()
    try:
        with _get(url, "GET") as response:
            _check(response, url)
            # What arrives counts: some servers call a .tar.gz a compressed .tar.
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                digest.update(chunk)
    except FAILURES as broken:
        raise _failure(broken, url) from None
    return digest.hexdigest()


def check_served(url: str) -> None:
    """See that a file is still there, without fetching it; raise Gone where it is not."""
    try:
        with _get(url, "HEAD") as response:
            if response.status_code not in (403, 405, 501):
                _check(response, url)
                return
        with _get(url, "GET") as response:
            _check(response, url)
    except FAILURES as broken:
        raise _failure(broken, url) from None


def _get(url: str, method: str) -> requests.Response:
    return requests.request(
        method,
        url,
        # The checksum is of the file, so nothing on the way may compress it.
        headers={"User-Agent": f"distgen/{__version__}", "Accept-Encoding": "identity"},
        auth=_nobody,
        allow_redirects=True,
        stream=True,
        timeout=(CONNECT, SILENCE),
    )


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from looking for passwords in ~/.netrc."""
    return request


def _check(response: requests.Response, url: str) -> None:
    code = response.status_code
    if code in (404, 410):
        raise FileGone("there is no such file", where=url)
    if code != 200:
        raise DistgenError(f"{urlsplit(url).netloc} answered {status_text(code)}", where=url)


def _failure(broken: Exception, url: str) -> DistgenError:
    return DistgenError(f"cannot be fetched: {sentence(broken, CONNECT, SILENCE)}", where=url)
