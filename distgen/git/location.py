"""Turn the address of a dist-git repository into a local folder, or into a server's address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from distgen.errors import InputError
from distgen.git.run import hide_secrets

SCHEMES = ("https", "http", "ssh", "git", "file")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(:|//)")
_SCP = re.compile(r"(?:[^/:@\s]+@)?([^/:@\s]+):(?!:)(.+)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository is: `address` is for git, `folder` is None for a server."""

    address: str
    folder: Path | None

    def __str__(self) -> str:
        return hide_secrets(self.address)

    @property
    def server(self) -> str:
        """Return the name of the server, with its port; "" for this machine."""
        if self.folder is not None:
            return ""
        if "://" in self.address:
            return urlsplit(self.address).netloc.rpartition("@")[2]
        return self.address.partition(":")[0].rpartition("@")[2]


@lru_cache(maxsize=1 << 16)
def locate(url: str, root: Path) -> Place:
    """Return the place of `url`, where a path is relative to `root`; refuse an unsafe address."""
    if not url or not url.isprintable() or url.startswith("-"):
        raise InputError(f"{hide_secrets(url)!r} is not an address of a git repository")
    if scheme := _SCHEME.match(url):
        return _parse_url(url, scheme)
    if scp := _SCP.fullmatch(url):
        if scp[1].startswith("-") or scp[2].startswith("-"):
            raise InputError(f"{hide_secrets(url)!r} is not an address of a git repository")
        return Place(url, None)
    return _local_place(root / url)


def _parse_url(url: str, scheme: re.Match[str]) -> Place:
    name = scheme[1].lower()
    if scheme[2] == ":" or name not in SCHEMES:
        allowed = ", ".join(f"{word}://" for word in SCHEMES)
        raise InputError(
            f"{hide_secrets(url)} uses a transport that distgen does not allow",
            hint=f"use a path or one of {allowed}",
        )
    try:
        parts = urlsplit(url)
        host, password, _ = parts.hostname or "", parts.password, parts.port
    except ValueError:
        raise InputError(f"{hide_secrets(url)!r} is not an address of a git repository") from None
    if password is not None:
        raise InputError(
            f"the address {hide_secrets(url)} holds a password",
            hint="take it out and let git's credential helper know it",
        )
    if name == "file":
        if host not in ("", "localhost"):
            raise InputError(f"{url} names a host, but file:// is for this machine")
        # urlsplit() would cut the path at # and ?, which are allowed in the name of a folder.
        return _local_place(Path("/" + unquote(url.partition("://")[2].partition("/")[2])))
    if not host or host.startswith("-"):
        raise InputError(f"{hide_secrets(url)!r} is not an address of a git repository")
    return Place(url, None)


def _local_place(path: Path) -> Place:
    absolute = Path(path).absolute()
    return Place(str(absolute), absolute)


def ssh_command(place: Place) -> str:
    """Return the command that logs in to a place's server, such as `ssh -p 29418 bot@host`."""
    if "://" not in place.address:
        return f"ssh {place.address.partition(':')[0]}"
    parts = urlsplit(place.address)
    port = f"-p {parts.port} " if parts.port else ""
    person = f"{parts.username}@" if parts.username and parts.scheme == "ssh" else ""
    return f"ssh {port}{person}{parts.hostname or ''}"


def creation_hint(place: Place) -> str:
    """Return the command with which a person makes a missing repository on a plain git server."""
    is_url = "://" in place.address
    path = urlsplit(place.address).path if is_url else place.address.partition(":")[2]
    if place.address.startswith(("http", "git:")):
        return f"git init --bare {path.strip('/')} (on the server)"
    return f"{ssh_command(place)} git init --bare {path}"
