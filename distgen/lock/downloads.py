"""Fetch the files that builds download, to compute their checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from requests import Response

from distgen.errors import DistgenError
from distgen.http import (
    HttpFailure,
    HttpPolicy,
    HttpSession,
    OpenAnswer,
    Retries,
    follow,
    open_answer,
    persist,
    status_text,
)


class FileGone(DistgenError):
    """The server answers, and does not have the file."""


def fetch_sha256(url: str, policy: HttpPolicy) -> str:
    """Download a file, keep nothing of it, and return its checksum."""
    checksum = ""

    def digest(answer: OpenAnswer) -> None:
        nonlocal checksum
        sha256 = hashlib.sha256()
        # Some servers call a .tar.gz a compressed .tar: the checksum is of what arrives.
        for chunk in answer.chunks(decode=False):
            sha256.update(chunk)
        checksum = sha256.hexdigest()

    _raise_for_status(_request("GET", url, policy, digest), url)
    return checksum


def check_served(url: str, policy: HttpPolicy) -> None:
    """See that a file is still there, without fetching it; raise FileGone where it is not."""
    answer = _request("HEAD", url, policy)
    if answer.status_code in (403, 405, 501):
        # Signed addresses and simple servers answer GET only.
        answer = _request("GET", url, policy)
    _raise_for_status(answer, url)


def _request(
    method: str, url: str, policy: HttpPolicy, read: Callable[[OpenAnswer], None] | None = None
) -> Response:
    """Return the answer at the end of redirects; `read` gets the one that has the file."""
    server = ""

    def ask(address: str) -> Response:
        nonlocal server
        server = urlsplit(address).netloc.rpartition("@")[2]
        with open_answer(partial(session.request, method, address), policy) as answer:
            if read is not None and answer.response.status_code == 200:
                read(answer)
        return answer.response

    with HttpSession() as session:
        try:
            retries = Retries(policy=policy, server=urlsplit(url).netloc.rpartition("@")[2])
            # A file whose connection broke is fetched again from its beginning.
            return persist(lambda: follow(url, ask), method, retries)
        except HttpFailure as failure:
            raise DistgenError(f"cannot be fetched: {server} {failure}", where=url) from None


def _raise_for_status(answer: Response, url: str) -> None:
    if answer.status_code in (404, 410):
        raise FileGone("there is no such file", where=url)
    if answer.status_code != 200:
        problem = f"{urlsplit(url).netloc} answered {status_text(answer.status_code)}"
        raise DistgenError(problem, where=url)
