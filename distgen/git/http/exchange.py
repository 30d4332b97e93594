"""One exchange with a git server over HTTP: logged in, led on by redirects, ended in time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import requests

from distgen.git.http.body import read_body, read_reason
from distgen.git.http.login import Login, LoginBook, LoginRefused
from distgen.git.http.pkt_line import CutShort, NotUnderstood
from distgen.git.http.session import (
    GitSession,
    RemoteFailure,
    check_key,
    connection_errors,
    connection_settings,
    parse_headers,
)
from distgen.git.http.settings import HttpSettings, is_plain_url
from distgen.git.http.watched import Exchange, watch_exchange
from distgen.git.run import INTERRUPTED, Git
from distgen.http import HttpFailure, HttpPolicy, OpenAnswer, open_answer, redirect_target

_MAX_STEPS = 6  # redirects and logins before an answer
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a repository: `path` is below its address, `kind` names the answer's type.

    With a `body` it is posted. The exchange ends once `stop` is set.
    """

    address: str
    path: str
    kind: str
    stop: threading.Event
    body: bytes | None = field(default=None, repr=False)
    body_kind: str = ""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One request for a question: at the address that it was led to, with a login."""

    git: Git
    settings: HttpSettings
    question: Question
    address: str
    login: Login | None


@dataclass(frozen=True, slots=True)
class _Step:
    """What to do after an answer that is not the end."""

    address: str
    challenge: str = field(default="", repr=False)


class HttpExchanges:
    """The kept connections and logins of a run; threads may share them."""

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel
        self._lock = threading.Lock()
        self._sessions: dict[HttpSettings, GitSession] = {}
        self._moved: dict[str, str] = {}
        self.logins = LoginBook()

    def ask(
        self,
        git: Git,
        settings: HttpSettings,
        question: Question,
        read: Callable[[Iterator[bytes]], Value],
    ) -> Value:
        """Return what `read` makes of the answer's bytes; raise RemoteFailure where it is none."""
        address = self._moved.get(question.address, question.address)
        has_own_login = any(name.lower().startswith("authorization:") for name in settings.headers)
        login = None if has_own_login else self.logins.get(address)
        for _ in range(_MAX_STEPS):
            step = self._repeat_if_stale(_Attempt(git, settings, question, address, login), read)
            if not isinstance(step, _Step):
                if login is not None:
                    self.logins.approve(git, login)
                return step
            if step.challenge:
                if has_own_login:
                    raise NotUnderstood("it does not accept the configured header")
                login = self._log_in(git, step, login)
            else:
                self._moved[question.address] = address = step.address
        raise NotUnderstood("it leads on and on")

    def _log_in(self, git: Git, step: _Step, tried: Login | None) -> Login:
        try:
            return self.logins.answer(git, step.address, step.challenge, tried)
        except LoginRefused:
            text = f"fatal: Authentication failed for '{step.address}/'"
            raise RemoteFailure(text, status=401) from None

    def _repeat_if_stale(
        self, attempt: _Attempt, read: Callable[[Iterator[bytes]], Value]
    ) -> Value | _Step:
        """Ask once more where the server had closed the kept connection."""
        question, git = attempt.question, attempt.git
        is_last = question.body is not None
        while True:
            with watch_exchange(git.retry.timeout, question.stop) as exchange:
                try:
                    with self._open(attempt) as answer:
                        return _read_answer(answer, attempt, read)
                except (HttpFailure, RemoteFailure, NotUnderstood, CutShort) as failure:
                    if exchange.is_over():  # then what came is only the begin of an answer
                        raise _explain_end(exchange, git) from None
                    if not isinstance(failure, HttpFailure):
                        raise
                    if is_last or exchange.is_new or not failure.passing:
                        raise _explain(failure, attempt.address) from None
            is_last = True

    @contextmanager
    def _open(self, attempt: _Attempt) -> Iterator[OpenAnswer]:
        question = attempt.question
        session = self._session(attempt.settings)
        headers = parse_headers(attempt.settings.headers)
        headers["Accept"] = question.kind
        if question.body_kind:
            headers["Content-Type"] = question.body_kind
        if attempt.login is not None:
            headers["Authorization"] = attempt.login.header
        url = f"{_without_user(attempt.address)}/{question.path}"

        def send(timeout: tuple[float, float], **options: bool) -> requests.Response:
            with connection_errors(attempt.address):
                return session.ask(url, headers, question.body, timeout)

        timeout = attempt.git.retry.timeout
        # A hook may be silent for as long as an exchange may take.
        policy = HttpPolicy(timeout, connect_timeout=timeout, silence=timeout)
        with open_answer(send, policy) as answer:
            yield answer

    def _session(self, settings: HttpSettings) -> GitSession:
        shared = connection_settings(settings)
        with self._lock:
            if shared not in self._sessions:
                check_key(shared)
                self._sessions[shared] = GitSession(shared, self._parallel)
            return self._sessions[shared]


def _read_answer(
    answer: OpenAnswer, attempt: _Attempt, read: Callable[[Iterator[bytes]], Value]
) -> Value | _Step:
    question, address = attempt.question, attempt.address
    response = answer.response
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.status_code == 200:
        if kind != question.kind:
            raise NotUnderstood("it does not speak git's smart protocol")
        return read(read_body(answer))
    body = read_reason(answer)
    if response.status_code == 401:
        return _Step(address, response.headers.get("WWW-Authenticate", "") or "none")
    if redirect_target(response) is not None and (
        attempt.settings.follow or question.body is not None
    ):
        return _Step(_redirect_address(response, question, address))
    raise _refusal(response.status_code, body if kind == "text/plain" else b"", question, address)


def _refusal(status: int, body: bytes, question: Question, address: str) -> RemoteFailure:
    """Return the failure of an answer with another status, in git's words."""
    if status < 300 or status == 407:
        raise NotUnderstood(f"it answers {status}")
    returned = f"The requested URL returned error: {status}"
    lines = body.decode("utf-8", "replace").splitlines()
    text = "".join(f"remote: {line}\n" for line in lines)
    if question.body is not None:
        text += f"error: RPC failed; HTTP {status} curl 22 {returned}"
    elif status == 404:
        text += f"fatal: repository '{address}/' not found"
    else:
        text += f"fatal: unable to access '{address}/': {returned}"
    return RemoteFailure(text, status=status)


def _redirect_address(response: requests.Response, question: Question, address: str) -> str:
    """Return the address of the repository that a redirect leads to, on the same server only."""
    target, end = redirect_target(response) or "", f"/{question.path}"
    old, new = urlsplit(address), urlsplit(target)
    host = old.netloc.rpartition("@")[2]
    if (old.scheme, host) != (new.scheme, new.netloc) or not target.endswith(end):
        raise NotUnderstood("it leads to another address")
    if question.body is not None or not is_plain_url(target.removesuffix(end)):
        raise NotUnderstood("it leads to another address")
    return urlunsplit(
        (old.scheme, old.netloc, new.path.removesuffix(end.partition("?")[0]), "", "")
    )


def _explain_end(exchange: Exchange, git: Git) -> RemoteFailure:
    if exchange.is_stopped:
        return RemoteFailure(f"fatal: {INTERRUPTED}")
    text = f"fatal: no answer within {git.retry.timeout:g} seconds"
    return RemoteFailure(text, timed_out=True)


def _explain(failure: HttpFailure, address: str) -> RemoteFailure:
    words = f"Connection closed: it {failure}" if failure.passing else f"it {failure}"
    return RemoteFailure(f"fatal: unable to access '{address}/': {words}")


def _without_user(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
