"""Where a registry may send its clients, and where their credentials may follow."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from distgen.registry.errors import Broken


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL: what credentials are bound to."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def target_of(url: str, location: str) -> str:
    """Return where a redirect leads."""
    try:
        target = urljoin(url, location)
        urlsplit(target)
    except ValueError:
        raise Broken("the registry redirects to what is no URL", passing=False) from None
    return target


def check_redirect(before: str, after: str, changing: bool) -> None:
    """Refuse to follow a redirect that gives up TLS, or takes a change to another host."""
    old, new = urlsplit(before), urlsplit(after)
    if new.scheme not in ("http", "https") or (old.scheme, new.scheme) == ("https", "http"):
        raise Broken(f"the registry redirects to {new.scheme}://, which is refused", passing=False)
    if changing and origin_of(before) != origin_of(after):
        raise Broken(
            f"the registry redirects a change to {new.hostname}, which is refused", passing=False
        )
