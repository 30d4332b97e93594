"""Find the tokens that the configuration names, in the environment or a file, and tell git."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from distgen.cli.session import Session
from distgen.errors import InputError
from distgen.forges.load import NO_FORGE, load_forge
from distgen.git.auth import Token, authorize, token_for
from distgen.git.location import Place, locate
from distgen.git.run import Git
from distgen.model.catalogue import (
    Catalogue,
    Image,
)
from distgen.model.dist_git import DistGit

_USER = "distgen"
"""Who a token speaks for, where neither the configuration nor a forge says."""


def add_tokens(session: Session, git: Git, catalogue: Catalogue, images: Collection[Image]) -> Git:
    """Return git that shows the servers of the images the tokens that are meant for them."""
    tokens = {
        name: token(place, catalogue.namespaces[name].dist_git, secret(session, name, catalogue))
        for name, place in places(catalogue, images).items()
    }
    return authorize(
        git,
        scope_tokens(
            {name: server_token for name, server_token in tokens.items() if server_token}, catalogue
        ),
    )


def scope_tokens(tokens: Mapping[str, Token], catalogue: Catalogue) -> Iterator[Token]:
    """Yield the tokens; where several are for one server, each is for its namespace's folder."""
    servers: dict[str, str] = {}
    for name, server_token in tokens.items():
        rivals = {rival for rival in tokens.values() if rival.url == server_token.url}
        scoped = (
            replace(server_token, url=server_token.url + _folder(name, catalogue))
            if len(rivals) > 1
            else server_token
        )
        rival = servers.setdefault(scoped.url, name)
        if tokens[rival] != server_token:
            raise InputError(
                f"{rival} and {name} name different tokens for one place",
                where=scoped.url,
                hint="name one, or give each namespace a folder of its own in dist_git.url",
            )
        yield scoped


def _folder(namespace: str, catalogue: Catalogue) -> str:
    """Return the folder of a server that holds all repositories of a namespace."""
    root = Path(catalogue.root)
    images = (image for image in catalogue.images if image.namespace == namespace)
    paths = (urlsplit(locate(image.url, root).address).path for image in images)
    folder = posixpath.commonpath([posixpath.dirname(path) for path in paths]).strip("/")
    return f"{folder}/" if folder else ""


def secret(session: Session, namespace: str, catalogue: Catalogue) -> str:
    """Return the token that a namespace names, "" when it names none or there is none."""
    where = catalogue.namespaces[namespace].dist_git
    word = session.environ.get(where.token_env, "") if where.token_env else ""
    place = f"the environment variable {where.token_env}"
    if not word and where.token_file:
        path = Path(where.token_file).expanduser()
        place, word = str(path), _read(path)
    word = word.strip()
    if not word.isprintable() or not word.isascii() or " " in word:
        raise InputError(f"what {place} holds is not a token", hint="a token is one word")
    return word


def token(place: Place, where: DistGit, word: str) -> Token | None:
    """Return the token for the server of a place, None without one."""
    return token_for(place.address, user(where), word) if word else None


def user(where: DistGit) -> str:
    """Return who a token speaks for: whom the configuration says, else whom the forge expects."""
    if where.user or where.forge == NO_FORGE:
        return where.user or _USER
    return load_forge(where.forge).token_user


def places(catalogue: Catalogue, images: Collection[Image]) -> dict[str, Place]:
    """Return one repository of each namespace; all are on the same server."""
    by_name = {image.namespace: image for image in images}
    return {name: locate(image.url, Path(catalogue.root)) for name, image in by_name.items()}


def _read(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InputError(
                "holds a token and is open to others", where=path, hint=f"chmod 600 {path}"
            )
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError("holds no token, for it is not text", where=path) from None
    except OSError as error:
        raise InputError(f"the token cannot be read: {error.strerror}", where=path) from None
