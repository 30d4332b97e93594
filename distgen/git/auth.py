"""Give git the tokens of servers in its environment: not in arguments, addresses or files."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from distgen.errors import DistgenError, InputError
from distgen.git.location import Place
from distgen.git.run import NO_REPOSITORY, Git, GitResult, explain, run, with_settings

_NO_PASSWORD = re.compile("could not read (?:Username|Password)|Authentication failed")
# git takes any page of text for a repository without branches, as its oldest protocol does.
_NO_GIT = re.compile("git-http-push failed|not valid: is this a git repository")
_FORBIDDEN = re.compile(r"returned error: 403|HTTP 403\b")
_MOVED = re.compile(r"returned error: 30\d|HTTP 30\d\b")
_HEADER = re.compile(r"http\.(https?://.+)\.extraHeader")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Token:
    """A user and a secret for all addresses below `url`, such as `https://host:port/`."""

    url: str
    user: str
    secret: str = field(repr=False)

    @property
    def basic(self) -> str:
        """Return user and secret as the `Basic` scheme of HTTP encodes them."""
        return base64.b64encode(f"{self.user}:{self.secret}".encode()).decode("ascii")


def token_for(address: str, user: str, secret: str) -> Token | None:
    """Return the token for the server of an address; None when it is not reached over HTTP."""
    parts, server = urlsplit(address), _server(address)
    if not server:
        return None
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise InputError("a token is not sent without encryption", where=server, hint="use https")
    return Token(server, user, secret)


def authorize(git: Git, tokens: Iterable[Token]) -> Git:
    """Return git that sends each token to its own server, and asks no credential helper there.

    Only its own user can read the environment of a process; every user can read its arguments.
    """
    unique = tuple(dict.fromkeys(tokens))
    if not unique:
        return git
    settings = (pair for token in unique for pair in _configuration(token))
    environment = with_settings(git.network, settings)
    secrets = tuple(word for token in unique for word in (token.secret, token.basic))
    return replace(git, network=environment, secrets=(*git.secrets, *secrets))


def sends_token(git: Git, address: str) -> bool:
    """Tell whether a request for an address carries a token."""
    url = _server(address) and _server(address) + urlsplit(address).path.lstrip("/")
    keys = (_HEADER.fullmatch(text) for text in git.network.values())
    return bool(git.secrets) and any(url.startswith(key[1]) for key in keys if key)


def auth_error(git: Git, place: Place, result: GitResult) -> DistgenError | None:
    """Return the error of a server that refuses access; None where the failure is another one."""
    # A login page once passed for a repository without branches, until the push.
    if _NO_GIT.search(result.error):
        sentence = "answers, but not as a git server"
        return DistgenError(
            sentence, where=place, hint="check the address, and whether you have access"
        )
    needs_password = bool(_NO_PASSWORD.search(result.error))
    if not sends_token(git, place.address):
        hint = "give git a user and password for it: token_env, a credential helper or GIT_ASKPASS"
        sentence = f"cannot be reached: {explain(result)}"
        return DistgenError(sentence, where=place, hint=hint) if needs_password else None
    if needs_password:  # git's own message only asks for another password
        return DistgenError("does not accept the token", where=place, hint="is it still valid?")
    if _FORBIDDEN.search(result.error):
        sentence = f"refuses the token: {explain(result)}"
        return DistgenError(sentence, where=place, hint="may it read and write there?")
    if _MOVED.search(result.error):
        sentence = "the server leads to another address, where the token is not sent"
        return DistgenError(sentence, where=place, hint="change dist_git.url")
    return None


def ask_credential_helpers(git: Git, address: str) -> Token | None:
    """Ask git's own credential helpers for the token of a server; None when they have none."""
    if not _server(address):
        return None
    question = f"url={address}\n\n".encode()
    result = run(git, "credential", "fill", folder=NO_REPOSITORY, stdin=question, network=True)
    lines = result.output.decode("utf-8", "replace").splitlines() if result.code == 0 else []
    answer = dict(line.split("=", 1) for line in lines if "=" in line)
    if not answer.get("password"):
        return None
    return token_for(address, answer.get("username", ""), answer["password"])


def _configuration(token: Token) -> Iterator[tuple[str, str]]:
    """Yield git's settings for a token; an empty value removes the values before it."""
    yield f"http.{token.url}.extraHeader", ""
    yield f"http.{token.url}.extraHeader", f"Authorization: Basic {token.basic}"
    yield f"credential.{token.url}.helper", ""
    # git would send the header to any server that a redirect names.
    yield f"http.{token.url}.followRedirects", "false"


def _server(address: str) -> str:
    """Return `https://host:port/` of an address, "" where it is not reached over HTTP."""
    parts = urlsplit(address)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}/"
