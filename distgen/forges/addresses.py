"""Take the addresses apart that a repository and its reviews have on a server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from distgen.git.location import Place


def find_link(said: Sequence[str], path: str) -> str:
    """Return the web address of a review in a server's words: the first that has such a path.

    Servers also speak of other things, with addresses of their own.
    """
    words = (word for line in said for word in line.split())
    found = (word for word in words if word.startswith(("https://", "http://")))
    return next((word for word in found if re.search(path, urlsplit(word).path)), "")


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
