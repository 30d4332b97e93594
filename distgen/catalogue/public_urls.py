"""Say where others reach the repository of an image; only that goes into files for them."""

from __future__ import annotations

from urllib.parse import urlsplit

from distgen.catalogue.placeholders import fill_placeholders
from distgen.errors import InputError
from distgen.model.dist_git import DistGit
from distgen.schema.formats import format_problem

_THIS_MACHINE = ("localhost", "127.", "::1", "0.0.0.0")


def public_url(dist_git: DistGit, namespace: str, image: str) -> str:
    """Return the public address of an image's repository, "" where the settings name none.

    A folder, an address of this machine and one that needs a user are not public.
    """
    template = dist_git.public_url or dist_git.url
    url = fill_placeholders(template, {"namespace": namespace, "image": image}, dist_git.origin)
    if dist_git.public_url:
        if problem := format_problem("url", url):
            raise InputError(f"`public_url` {problem}", where=dist_git.origin)
        return url
    parts = urlsplit(url)
    is_web = parts.scheme in ("http", "https") and "@" not in parts.netloc
    return url if is_web and not (parts.hostname or "").startswith(_THIS_MACHINE) else ""
