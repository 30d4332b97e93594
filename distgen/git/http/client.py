"""Ask git servers for refs and push to them over kept-alive connections, without starting git.

What comes back is worded as git words it, so that all that judges git's results judges these.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from urllib.parse import urlsplit

from distgen.errors import DistgenError
from distgen.git.http.exchange import HttpExchanges, Question
from distgen.git.http.packs import pack_commits
from distgen.git.http.pkt_line import CutShort, NotUnderstood
from distgen.git.http.protocol import (
    NULL,
    Advertisement,
    PushReport,
    RefCommand,
    ServerSays,
    format_push,
    read_advertisement,
    read_report,
)
from distgen.git.http.session import AGENT, RemoteFailure
from distgen.git.http.settings import (
    Configuration,
    HttpSettings,
    find_settings,
    is_plain_url,
    parse_configuration,
    rewrite_url,
)
from distgen.git.refs import HEADS
from distgen.git.run import NO_REPOSITORY, Git, GitResult, clean_lines, run
from distgen.git.store import Store
from distgen.model.published import Change

RECEIVE, UPLOAD = "git-receive-pack", "git-upload-pack"
_NOT_ATOMIC = "fatal: the receiving end does not support --atomic push"
_MOST_SETTLED = 1024  # addresses; a run asks, pushes and asks again soon after each other
_CUT_SHORT = "fatal: unexpected end of file in the server's answer"


class SmartHttp:
    """A client of git's smart HTTP protocol; threads may share it."""

    def __init__(self, parallel: int) -> None:
        self._exchanges = HttpExchanges(parallel)
        self._lock = threading.Lock()
        self._configurations: list[tuple[Mapping[str, str], Configuration]] = []
        self._capabilities: dict[str, frozenset[str]] = {}
        self._settled: dict[tuple[int, str], tuple[str, HttpSettings]] = {}

    def list_refs(
        self, git: Git, address: str, patterns: Sequence[str], services: Sequence[str]
    ) -> GitResult:
        """Return the refs as `git ls-remote` prints them, asked of the first service that may be.

        Raises NotUnderstood where only git can ask.
        """
        globs = [f"*/{pattern}" for pattern in patterns]

        def matches(ref: str) -> bool:
            return any(fnmatchcase(f"/{ref}", glob) for glob in globs)

        def ask() -> GitResult:
            refs = self._ask_services(git, address, services, matches).refs
            lines = "".join(f"{commit}\t{ref}\n" for ref, commit in refs.items())
            return GitResult(0, lines.encode(), "")

        return self._as_git(git, ask)

    def push(self, store: Store, address: str, changes: Sequence[Change]) -> GitResult:
        """Push the commits of all changes, or of none; return what git would.

        Raises NotUnderstood where only git can push.
        """
        return self._as_git(store.git, partial(self._push, store, address, changes))

    def _push(self, store: Store, address: str, changes: Sequence[Change]) -> GitResult:
        git = store.git
        url, settings = self._settle(git, address)
        capabilities = self._capabilities.get(url)
        if capabilities is None:
            listed = self._advertisement(git, url, settings, RECEIVE, lambda ref: False)
            capabilities = listed.capabilities
        if "report-status" not in capabilities:
            raise NotUnderstood("it does not report what became of a push")
        if len(changes) > 1 and "atomic" not in capabilities:
            return GitResult(128, b"", _NOT_ATOMIC)
        commands = [
            RefCommand(f"{HEADS}{change.branch}", change.parent or NULL, change.commit or NULL)
            for change in changes
        ]
        pack = pack_commits(store.reader, changes)
        body = format_push(commands, capabilities, AGENT, pack)
        kinds = [f"application/x-{RECEIVE}-{word}" for word in ("result", "request")]
        # A push that was begun goes on when the run is stopped.
        question = Question(url, RECEIVE, kinds[0], git.abandon, body, kinds[1])

        def read(chunks: Iterator[bytes]) -> PushReport:
            try:
                return read_report(chunks, capabilities)
            except NotUnderstood as reason:  # it may have taken the push: git must not push again
                raise RemoteFailure(f"fatal: of the push, {reason}") from None

        report = self._exchanges.ask(git, settings, question, read)
        return _judge(commands, report)

    def _ask_services(
        self, git: Git, address: str, services: Sequence[str], matches: Callable[[str], bool]
    ) -> Advertisement:
        url, settings = self._settle(git, address)
        *firsts, last = services
        for service in firsts:
            # Who may read may not always write, and who may write is told so when the time comes.
            try:
                return self._advertisement(git, url, settings, service, matches)
            except NotUnderstood:
                continue
            except RemoteFailure as failure:
                if failure.status not in (401, 403, 404):
                    raise
        return self._advertisement(git, url, settings, last, matches)

    def _advertisement(
        self,
        git: Git,
        url: str,
        settings: HttpSettings,
        service: str,
        matches: Callable[[str], bool],
    ) -> Advertisement:
        kind = f"application/x-{service}-advertisement"
        question = Question(url, f"info/refs?service={service}", kind, git.stop)

        def read(chunks: Iterator[bytes]) -> Advertisement:
            return read_advertisement(chunks, service, matches)

        listed = self._exchanges.ask(git, settings, question, read)
        if service == RECEIVE:
            with self._lock:
                known = self._capabilities.values()
                same = next((words for words in known if words == listed.capabilities), None)
                self._capabilities[url] = same or listed.capabilities
        return listed

    def _settle(self, git: Git, address: str) -> tuple[str, HttpSettings]:
        """Return where git would go for an address, and how."""
        configuration = self._configuration(git)
        key = (id(configuration), address)
        settled = self._settled.get(key)
        if settled is None:
            settled = self._resolve(git, configuration, address)
            if len(self._settled) >= _MOST_SETTLED:
                self._settled.clear()
            self._settled[key] = settled
        return settled

    def _resolve(
        self, git: Git, configuration: Configuration, address: str
    ) -> tuple[str, HttpSettings]:
        url = rewrite_url(configuration, address, is_push=False)
        if url != rewrite_url(configuration, address, is_push=True):
            raise NotUnderstood("it is pushed to at another address")
        url = url.rstrip("/")
        if not url.startswith(("http://", "https://")) or not is_plain_url(url):
            raise NotUnderstood("its address is one that only git knows")
        if ":" in urlsplit(url).netloc.rpartition("@")[0]:
            raise NotUnderstood("its address holds a password")
        return url, find_settings(configuration, git.network, url)

    def _configuration(self, git: Git) -> Configuration:
        with self._lock:
            for network, configuration in self._configurations:
                if network is git.network:
                    return configuration
            words = ("config", "--null", "--list")
            # Tokens are settings, and would be hidden in what git prints.
            plain = replace(git, secrets=())
            result = run(plain, *words, folder=NO_REPOSITORY, network=True)
            if result.code:
                raise NotUnderstood("git does not say how it is configured")
            configuration = parse_configuration(result.output)
            self._configurations.append((git.network, configuration))
            return configuration

    def _as_git(self, git: Git, ask: Callable[[], GitResult]) -> GitResult:
        """Return a failure as the result of a git that failed; no secret is in it."""
        try:
            result = ask()
        except RemoteFailure as failure:
            result = GitResult(128, b"", str(failure), timed_out=failure.timed_out)
        except ServerSays as words:
            result = GitResult(128, b"", f"fatal: remote error: {words}")
        except CutShort:
            result = GitResult(128, b"", _CUT_SHORT)
        except DistgenError as problem:
            result = GitResult(128, b"", f"fatal: {problem}")
        output, text = result.output, result.error
        for secret in (*git.secrets, *self._exchanges.logins.secrets):
            # A server may repeat the secret that it was sent.
            output, text = output.replace(secret.encode(), b"***"), text.replace(secret, "***")
        return replace(result, output=output, error=clean_lines(text.encode()))


def _judge(commands: Sequence[RefCommand], report: PushReport) -> GitResult:
    """Return what `git push --porcelain` says of a report."""
    messages = report.messages.decode("utf-8", "replace").replace("\r", "\n").split("\n")
    error = "".join(f"remote: {line}\n" for line in messages if line.strip())
    if report.unpacked != "ok":
        error += f"error: remote unpack failed: {report.unpacked}\n"
    output = ""
    for command in commands:
        reason = report.refusals.get(command.ref, "no report")
        flag, words = ("!", f"[remote rejected] ({reason})") if reason else (" ", "taken")
        output += f"{flag}\t{command.new}:{command.ref}\t{words}\n"
    is_failure = report.unpacked != "ok" or "!\t" in output
    return GitResult(int(is_failure), output.encode(), error)
