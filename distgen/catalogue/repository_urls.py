"""Say where the repository of an image is, and where others reach it.

Only the public address goes into files for others.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from distgen.catalogue.placeholders import fill_placeholders
from distgen.errors import InputError
from distgen.model.dist_git import DistGit
from distgen.schema.formats import format_problem

_THIS_MACHINE = ("localhost", "127.", "::1", "0.0.0.0")


def repository_url(dist_git: DistGit, namespace: str, image: str) -> str:
    """Return the address of an image's repository, to which distgen publishes it."""
    words = {"namespace": namespace, "image": image}
    url = fill_placeholders(dist_git.url, words, dist_git.origin)
    if problem := format_problem("git-url", url):
        raise InputError(f"the address of the dist-git repository {problem}", where=dist_git.origin)
    return url


def public_url(dist_git: DistGit, namespace: str, image: str) -> str:
    """Return the public address of an image's repository, "" where the settings name none.

    A folder, an address of this machine and one that needs a user or a token are not public.
    """
    where = dist_git.public_url_origin if dist_git.public_url else dist_git.origin
    template = dist_git.public_url or dist_git.url
    url = fill_placeholders(template, {"namespace": namespace, "image": image}, where)
    if dist_git.public_url:
        if problem := format_problem("url", url) or _query_problem(url):
            raise InputError(f"`public_url` {problem}", where=where)
        return url
    parts = urlsplit(url)
    is_web = parts.scheme in ("http", "https") and "@" not in parts.netloc
    is_here = (parts.hostname or "").startswith(_THIS_MACHINE)
    return "" if not is_web or is_here or _query_problem(url) else url


def _query_problem(url: str) -> str:
    # A token may stand in a query; and `#` begins a commit for BuildKit.
    if "?" in url or "#" in url:
        return "holds a `?` or `#`; end it with the path of the repository"
    return ""
