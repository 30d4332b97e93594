"""Take the addresses apart that a repository and its reviews have on a server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from distgen.git.location import Place


def find_link(lines: Sequence[str], path: str) -> str:
    """Return the first web address in a server's words with a path that matches.

    Servers also speak of other things than reviews, with addresses of their own.
    """
    words = (word for line in lines for word in line.split())
    links = (word for word in words if word.startswith(("https://", "http://")))
    return next((link for link in links if re.search(path, urlsplit(link).path)), "")


def project_path(place: Place) -> str:
    """Return the path of a repository on its server, without `.git`."""
    path = urlsplit(place.address).path if "://" in place.address else place.address
    if place.folder is None and "://" not in place.address:
        path = place.address.partition(":")[2]
    return path.strip("/").removesuffix(".git")


def host_name(place: Place) -> str:
    """Return the name of the server a place is on, "" for this machine."""
    if place.folder is not None:
        return ""
    if "://" in place.address:
        return urlsplit(place.address).hostname or ""
    return place.address.partition(":")[0].rpartition("@")[2]
