"""Show git the tokens of servers through its environment: not in arguments, addresses or files."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from distgen.errors import DistgenError, InputError
from distgen.git.location import Place
from distgen.git.run import NO_REPOSITORY, Git, GitResult, explain, run, with_settings

_WANTED = re.compile("could not read (?:Username|Password)|Authentication failed")
# A page of text passes for a repository without branches, as it was served in git's early days.
_NO_GIT = re.compile("git-http-push failed|not valid: is this a git repository")
_FORBIDDEN = re.compile(r"returned error: 403|HTTP 403\b")
_MOVED = re.compile(r"returned error: 30\d|HTTP 30\d\b")
_HEADER = re.compile(r"http\.(https?://.+)\.extraHeader")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Token:
    """A secret for what is below `url`, such as `https://host:port/`; `user` goes with it."""

    url: str
    user: str
    secret: str = field(repr=False)

    @property
    def basic(self) -> str:
        """Return what stands behind `Basic` in a header."""
        return base64.b64encode(f"{self.user}:{self.secret}".encode()).decode("ascii")


def token_for(address: str, user: str, secret: str) -> Token | None:
    """Return the token for the server of an address; None when it is not reached over HTTP."""
    parts, where = urlsplit(address), _server(address)
    if not where:
        return None
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise InputError("a token is not sent without encryption", where=where, hint="use https")
    return Token(where, user, secret)


def authorize(git: Git, tokens: Iterable[Token]) -> Git:
    """Return git that shows each token to its own server, and asks no credential helper there.

    The environment of a process is for its own user's eyes; arguments are for everybody's.
    """
    given = tuple(dict.fromkeys(tokens))
    if not given:
        return git
    settings = (pair for token in given for pair in _configuration(token))
    environment = with_settings(git.network, settings)
    secrets = tuple(word for token in given for word in (token.secret, token.basic))
    return replace(git, network=environment, secrets=(*git.secrets, *secrets))


def sends_token(git: Git, address: str) -> bool:
    """Say whether the server is shown a token when it is asked for an address."""
    there = _server(address) and _server(address) + urlsplit(address).path.lstrip("/")
    keys = (_HEADER.fullmatch(text) for text in git.network.values())
    return bool(git.secrets) and any(there.startswith(key[1]) for key in keys if key)


def auth_error(git: Git, place: Place, done: GitResult) -> DistgenError | None:
    """Return the error of a server that does not let us in; None where something else is wrong."""
    if _NO_GIT.search(done.error):
        what, hint = "answers, but not as a git server", "is the address right, and are you let in?"
        return DistgenError(what, where=place, hint=hint)
    wants = bool(_WANTED.search(done.error))
    if not sends_token(git, place.address):
        hint = "give git a user and password for it: token_env, a credential helper or GIT_ASKPASS"
        what = f"cannot be reached: {explain(done)}"
        return DistgenError(what, where=place, hint=hint) if wants else None
    if wants:  # git only says that it would like to ask for another one
        return DistgenError("does not accept the token", where=place, hint="is it still valid?")
    if _FORBIDDEN.search(done.error):
        what, hint = f"refuses the token: {explain(done)}", "may it read and write there?"
        return DistgenError(what, where=place, hint=hint)
    if _MOVED.search(done.error):
        what = "the server leads to another address, where the token is not sent"
        return DistgenError(what, where=place, hint="change dist_git.url")
    return None


def ask_credential_helpers(git: Git, address: str) -> Token | None:
    """Ask git's own credential helpers for the token of a server; None when they have none."""
    if not _server(address):
        return None
    question = f"url={address}\n\n".encode()
    done = run(git, "credential", "fill", folder=NO_REPOSITORY, stdin=question, network=True)
    lines = done.output.decode("utf-8", "replace").splitlines() if done.code == 0 else []
    answer = dict(line.split("=", 1) for line in lines if "=" in line)
    if not answer.get("password"):
        return None
    return token_for(address, answer.get("username", ""), answer["password"])


def _configuration(token: Token) -> Iterator[tuple[str, str]]:
    """Yield what git is configured with; an empty value takes away what was said before."""
    yield f"http.{token.url}.extraHeader", ""
    yield f"http.{token.url}.extraHeader", f"Authorization: Basic {token.basic}"
    yield f"credential.{token.url}.helper", ""
    # git would send the header on to whatever server a redirect names.
    yield f"http.{token.url}.followRedirects", "false"


def _server(address: str) -> str:
    """Return `https://host:port/` of an address, "" for what is not reached over HTTP."""
    parts = urlsplit(address)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}/"
