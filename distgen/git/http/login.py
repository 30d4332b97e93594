"""Log in to git servers with what the user's git knows: asked once for each server."""

from __future__ import annotations

import base64
import re
import threading
from collections import defaultdict
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from distgen.git.http.pkt_line import NotUnderstood
from distgen.git.run import NO_REPOSITORY, Git, run

_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)(?=\s+[^=\s,]|\s*,|\s*$)")
_FOREIGN_SCHEMES = frozenset({"negotiate", "ntlm", "digest"})


class LoginRefused(Exception):
    """The server does not accept what git's credential helpers know."""


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password; `answer` is what a credential helper said of them."""

    header: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    answer: bytes = field(repr=False)


class LoginBook:
    """The logins of a run, by server and user; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)
        self._logins: dict[tuple[str, str], Login | None] = {}
        self._verdicts: dict[Login, str] = {}

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return all that must not be shown."""
        with self._lock:
            logins = tuple(self._logins.values())
        return tuple(secret for login in logins if login for secret in login.secrets)

    def get(self, url: str) -> Login | None:
        """Return the login for an address, None as long as none was needed."""
        with self._lock:
            return self._logins.get(_server(url))

    def answer(self, git: Git, url: str, challenge: str, tried: Login | None) -> Login:
        """Return the login with which to answer a challenge; `tried` was not accepted."""
        _refuse_foreign(challenge)
        server = _server(url)
        with self._lock:
            lock = self._locks[server]
        with lock:  # all wait for the one that asks
            with self._lock:
                is_known, login = server in self._logins, self._logins.get(server)
            if not is_known:
                login = _ask_helpers(git, url)
                with self._lock:
                    self._logins[server] = login
            if login is None:
                raise NotUnderstood("it asks for a login that only git may know")
            if login == tried:
                self._tell(git, "reject", login)
                raise LoginRefused
            return login

    def approve(self, git: Git, login: Login) -> None:
        """Tell the helpers once that a login was accepted, so that they may keep it."""
        self._tell(git, "approve", login)

    def _tell(self, git: Git, word: str, login: Login) -> None:
        with self._lock:
            # Who may not push may be let in to read: then the password was not wrong.
            is_new = self._verdicts.get(login) not in (word, "approve")
            if is_new:
                self._verdicts[login] = word
        if is_new:
            folder = NO_REPOSITORY
            run(git, "credential", word, folder=folder, stdin=login.answer, network=True)


def _refuse_foreign(challenge: str) -> None:
    schemes = {scheme.lower() for scheme in _SCHEME.findall(challenge)}
    if "basic" not in schemes or schemes & _FOREIGN_SCHEMES:
        raise NotUnderstood("it asks for a login that only git knows")


def _server(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower(), parts.username or ""


def _ask_helpers(git: Git, url: str) -> Login | None:
    question = f"url={url}\n\n".encode()
    plain = replace(git, secrets=())  # what it prints would be hidden where it is known
    result = run(plain, "credential", "fill", folder=NO_REPOSITORY, stdin=question, network=True)
    if result.code:
        return None
    lines = [line for line in result.output.split(b"\n") if b"=" in line]
    words = dict(line.split(b"=", 1) for line in lines)
    user, password = words.get(b"username", b""), words.get(b"password", b"")
    if not password:
        return None
    basic = base64.b64encode(user + b":" + password).decode("ascii")
    secrets = (password.decode("utf-8", "replace"), basic)
    return Login(f"Basic {basic}", secrets, b"\n".join((*lines, b"\n")))
