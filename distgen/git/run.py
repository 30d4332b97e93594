"""Run git in an isolated environment, and turn its failures into sentences."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from distgen.backoff import DEFAULT_RETRY_POLICY, Outages, RetryPolicy
from distgen.errors import DistgenError, InputError, printable
from distgen.git.http.choice import HttpChoice
from distgen.git.processes import Interrupted, TimedOut, collect_output, open_process
from distgen.git.ssh import SshChoice, SshConnections, read_ssh_choice

# An insteadOf of the current folder's repository once led the reading of branches elsewhere than
# the push.
NO_REPOSITORY = Path("/dev/null")
"""Stands for no repository; without it git reads the configuration of the current folder."""
_ISOLATED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": str(NO_REPOSITORY),
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": str(NO_REPOSITORY),
    "GIT_LITERAL_PATHSPECS": "1",
    # git fetches missing objects with the commands that the repository's own settings name.
    "GIT_NO_LAZY_FETCH": "1",
}
_SILENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", "LANGUAGE": "C"}
# A redirect or an insteadOf may lead to another transport; ext:: would run any command.
_REACHABLE = {"GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file"}
# Variables with which a user lets git reach a server: keys, certificates, credentials, proxies.
_TRANSPORT = re.compile(
    r"GIT_(ASKPASS|SSH|SSH_COMMAND|SSH_VARIANT|SSL_\w+|PROXY_\w+|HTTP_PROXY_AUTHMETHOD"
    r"|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+))"
)
LOCAL_SETTINGS = (
    ("core.hooksPath", str(NO_REPOSITORY)),
    ("core.attributesFile", str(NO_REPOSITORY)),
    # git runs it where a store borrows objects of another, and a user may have configured it.
    ("core.alternateRefsCommand", ":"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("core.fsync", "none"),
)
_NETWORK_SETTINGS = (
    ("push.followTags", "false"),
    ("push.gpgSign", "false"),
    ("push.recurseSubmodules", "no"),
    ("fetch.recurseSubmodules", "no"),
    ("transfer.credentialsInUrl", "die"),
    ("http.lowSpeedLimit", "1"),
)
_SETTINGS_OF_THE_USER = (
    r"^(core\.(sshcommand|askpass)|safe\.directory|ssh\.variant|url\..*\.(push)?insteadof)$"
)
_LOCAL_SECONDS = 900
INTERRUPTED = "the run was interrupted"
_USERINFO = re.compile(
    r"(\b(?:https?|ftp)://)[^/@\s]*@|(\b[a-z][a-z+.-]{0,20}://[^/:@\s]*):[^/@\s]*(@)"
)
_MAX_LINE = 500  # characters of a line that are shown
_MESSAGE = re.compile(r"(?:fatal|error|remote|ERROR): *(.*)")
_NOISE = re.compile(
    r"failed to push some refs|Could not read from remote repository|^hint:|^$"
    r"|and the repository exists|Please make sure you have the correct access rights"
)


@dataclass(frozen=True, slots=True)
class Git:
    """How to run git: its environment for local work, and for commands that talk to a server.

    `secrets` are in the environment of `network` and are hidden in all output. When `stop` is set,
    only running pushes go on; when `abandon` is set, they end too.
    """

    local: Mapping[str, str] = field(repr=False)
    network: Mapping[str, str] = field(repr=False)
    retry: RetryPolicy = DEFAULT_RETRY_POLICY
    secrets: tuple[str, ...] = field(default=(), repr=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    abandon: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    outages: Outages = field(default_factory=Outages, repr=False, compare=False)
    sync: bool = True
    """Whether what local repositories get is on the disk before a push counts."""
    http: HttpChoice | None = field(default_factory=HttpChoice, repr=False, compare=False)
    """Who asks http(s) repositories; None: git itself."""
    pushes: bool = False
    """Whether the run pushes to the repositories that it asks."""
    ssh: SshChoice = field(default_factory=SshChoice, repr=False)
    connections: SshConnections | None = field(default=None, repr=False, compare=False)
    """What the gits of a run share; None: each connects by itself."""


@dataclass(frozen=True, slots=True)
class GitResult:
    """The exit code and output of one git command, without secrets; `error` is its stderr.

    `timed_out` means that it was killed because it took too long.
    """

    code: int
    output: bytes
    error: str
    timed_out: bool = False


def isolate(environment: Mapping[str, str], retry: RetryPolicy = DEFAULT_RETRY_POLICY) -> Git:
    """Decide what git sees of the caller's environment and configuration.

    Local work sees none of it, so every user gets the same bytes; only `safe.directory` is taken
    over. Commands that talk to a server keep the user's configuration and transport variables, for
    they hold credentials.
    """
    other_variables = {
        name: text for name, text in environment.items() if not name.startswith("GIT_")
    }
    transport = {name: text for name, text in environment.items() if _TRANSPORT.fullmatch(name)}
    local = other_variables | _SILENT | _ISOLATED | _REACHABLE
    git = Git(local, other_variables | transport | _SILENT | _REACHABLE, retry)
    settings = _user_settings(git)
    local = with_settings(local, (pair for pair in settings if pair[0] == "safe.directory"))
    user_choices = {key for key, _ in settings} | {*transport}
    # GIT_SSH_COMMAND overrides core.sshCommand, which this once hid.
    unattended = {}
    if not {"core.sshcommand", "GIT_SSH", "GIT_SSH_COMMAND"} & user_choices:
        unattended["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes"
    if not {"core.askpass", "GIT_ASKPASS"} & user_choices:
        unattended["GIT_ASKPASS"] = ""  # SSH_ASKPASS names the dialog of a desktop
    network = {**git.network, **unattended}
    return replace(git, local=local, network=network, ssh=read_ssh_choice(network, settings))


def share_connections(git: Git) -> Git:
    """Return git that connects once to each ssh server; its connections are to be closed."""
    connections = SshConnections(git.ssh, git.network, git.retry.timeout, git.stop)
    return replace(git, connections=connections)


@contextmanager
def share_connection(git: Git, address: str) -> Iterator[Git]:
    """Yield git that reaches an address over a shared connection, where there is one."""
    if git.connections is None:
        yield git
        return
    with git.connections.borrow(address) as variables:
        yield replace(git, network={**git.network, **variables}) if variables else git


def with_settings(
    environment: Mapping[str, str], settings: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Return the environment with settings that git reads as if they were configured."""
    count = environment.get("GIT_CONFIG_COUNT") or "0"
    if not count.isdecimal():
        raise InputError(f"GIT_CONFIG_COUNT is {count!r}", hint="it must be a number")
    variables, number = dict(environment), int(count)
    for key, value in settings:
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        number += 1
    return variables | ({"GIT_CONFIG_COUNT": str(number)} if number else {})


def _user_settings(git: Git) -> list[tuple[str, str]]:
    """Return the keys and values of the user's configuration that distgen has to know."""
    words = ("config", "--null", "--get-regexp", _SETTINGS_OF_THE_USER)
    result = run(git, *words, folder=NO_REPOSITORY, network=True)
    if result.timed_out:  # without these settings git would use other keys than the user's
        raise DistgenError(
            f"git does not say how it is configured: {explain(result)}",
            hint="see whether `git config --list` ends, or wait longer with --timeout",
        )
    lines = result.output.decode("utf-8", "surrogateescape").split("\0")
    pairs = (line.partition("\n") for line in lines if line)
    return [(key, value) for key, _, value in pairs]


def run(
    git: Git,
    *arguments: str,
    folder: Path | None = None,
    stdin: bytes = b"",
    network: bool = False,
    to_the_end: bool = False,
) -> GitResult:
    """Run git on the repository in `folder` and return its exit code and output.

    A command that runs `to_the_end` goes on when the run is stopped.
    """
    timeout = git.retry.timeout if network else _LOCAL_SECONDS
    # git itself needs the limit too: it outlives a distgen that was killed.
    limit = ("-c", f"http.lowSpeedTime={max(1, round(timeout))}") if network else ()
    words = git_command(folder, network, (*limit, *arguments))
    with open_process(words, git.network if network else git.local) as process:
        try:
            stop = git.abandon if to_the_end else git.stop
            output, error = collect_output(process, stdin, timeout, stop)
        except TimedOut:
            sentence = f"fatal: no answer within {timeout:g} seconds"
            return GitResult(-1, b"", sentence, timed_out=True)
        except Interrupted:
            return GitResult(-1, b"", f"fatal: {INTERRUPTED}")
    for secret in git.secrets if network else ():
        # A server may repeat the secret that it was sent.
        output, error = (stream.replace(secret.encode(), b"***") for stream in (output, error))
    return GitResult(process.returncode, output, clean_lines(error))


def read_user_setting(git: Git, folder: Path, *names: str) -> str:
    """Return the first of these settings that the user or the repository in `folder` has."""
    for name in names:
        result = run(git, "-C", str(folder), "config", "--get", name, network=True)
        if result.code == 0:
            return result.output.decode("utf-8", "surrogateescape").strip()
    return ""


def explain(result: GitResult) -> str:
    """Return the lines of git's output that say what went wrong, joined into one."""
    lines = result.error.splitlines()
    messages = [match[1].strip() for line in lines if (match := _MESSAGE.match(line.strip()))]
    reasons = [message for message in messages if not _NOISE.search(message)]
    # When git itself says nothing, ssh's last lines do: no such host, no such key.
    last_lines = [line for line in lines if not _NOISE.search(line)][-2:]
    unique = list(dict.fromkeys(reasons or last_lines or messages or lines))
    return "; ".join(unique[:4]) or f"git ended with code {result.code}"


def clean_lines(output: bytes) -> str:
    """Return output of git, or of a server through git, without secrets and control characters."""
    # A hook's escape sequences once reached the terminal, and a long line took half a minute.
    lines = hide_secrets(output.decode("utf-8", "replace")).replace("\r", "\n").split("\n")
    return "\n".join(printable(line[:_MAX_LINE]) for line in lines)


def hide_secrets(text: str) -> str:
    """Return the text without the passwords and tokens of addresses in it."""
    return _USERINFO.sub(lambda match: match[1] or f"{match[2]}{match[3]}", text)


def git_command(folder: Path | None, network: bool, arguments: tuple[str, ...]) -> list[str]:
    """Return the words of the command line that runs git on a repository."""
    repository = ("--git-dir", str(folder)) if folder else ()
    settings = (*LOCAL_SETTINGS, *(_NETWORK_SETTINGS if network else ()))
    options = (word for key, value in settings for word in ("-c", f"{key}={value}"))
    return ["git", *repository, *options, *arguments]
