"""The one place that runs git: in an environment of its own, its failures told as sentences."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from distgen.errors import DistgenError, InputError, printable
from distgen.git.backoff import DEFAULT_RETRY_POLICY, Outages, RetryPolicy
from distgen.git.processes import Interrupted, TimedOut, collect_output, open_process

NO_REPOSITORY = Path("/dev/null")
"""No repository: else git is configured by the one that the caller happens to stand in."""
_ISOLATED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": str(NO_REPOSITORY),
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": str(NO_REPOSITORY),
    "GIT_LITERAL_PATHSPECS": "1",
    # What a repository lacks, git would fetch in whatever way that repository's own settings name.
    "GIT_NO_LAZY_FETCH": "1",
}
_SILENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", "LANGUAGE": "C"}
# Whatever a redirect or an insteadOf of the configuration leads to: these, and never ext::.
_REACHABLE = {"GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file"}
# What a person sets so that git reaches a server: keys, certificates, credentials, proxies.
_TRANSPORT = re.compile(
    r"GIT_(ASKPASS|SSH|SSH_COMMAND|SSH_VARIANT|SSL_\w+|PROXY_\w+|HTTP_PROXY_AUTHMETHOD"
    r"|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+))"
)
_OPTIONS = (
    *("-c", f"core.hooksPath={NO_REPOSITORY}"),
    *("-c", f"core.attributesFile={NO_REPOSITORY}"),
    *("-c", "core.alternateRefsCommand=:"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "core.fsync=none"),
)
_NETWORK_OPTIONS = (
    *("-c", "push.followTags=false"),
    *("-c", "push.gpgSign=false"),
    *("-c", "push.recurseSubmodules=no"),
    *("-c", "fetch.recurseSubmodules=no"),
    *("-c", "transfer.credentialsInUrl=die"),
    *("-c", "http.lowSpeedLimit=1"),
)
_LOCAL_SECONDS = 900
INTERRUPTED = "the run was interrupted"
_USERINFO = re.compile(
    r"(\b(?:https?|ftp)://)[^/@\s]*@|(\b[a-z][a-z+.-]{0,20}://[^/:@\s]*):[^/@\s]*(@)"
)
_LONGEST = 500  # letters of a line that are worth showing
_TOLD = re.compile(r"(?:fatal|error|remote|ERROR): *(.*)")
_NOISE = re.compile(
    r"failed to push some refs|Could not read from remote repository|^hint:|^$"
    r"|and the repository exists|Please make sure you have the correct access rights"
)


@dataclass(frozen=True, slots=True)
class Git:
    """How to run git; `retry` says how long to wait for servers.

    `secrets` stand in the environment of what talks to a server, and in nothing that git says.
    Once `stop` is set only pushes are brought to their end, once `abandon` is set not even they.
    """

    local: Mapping[str, str] = field(repr=False)
    network: Mapping[str, str] = field(repr=False)
    retry: RetryPolicy = DEFAULT_RETRY_POLICY
    secrets: tuple[str, ...] = field(default=(), repr=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    abandon: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    outages: Outages = field(default_factory=Outages, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class GitResult:
    """What one git command said, without secrets; `error` is its stderr.

    `overdue` says that it was ended because it took too long.
    """

    code: int
    output: bytes
    error: str
    overdue: bool = False


def isolate(environment: Mapping[str, str], retry: RetryPolicy = DEFAULT_RETRY_POLICY) -> Git:
    """Decide what git sees of the caller's environment and configuration.

    Local work sees none of it, so it gives the same bytes for everybody, but for the folders of
    others that the person trusts. What talks to a server keeps the person's own configuration and
    transport variables, for the credentials in them.
    """
    plain = {name: text for name, text in environment.items() if not name.startswith("GIT_")}
    transport = {name: text for name, text in environment.items() if _TRANSPORT.fullmatch(name)}
    local = plain | _SILENT | _ISOLATED | _REACHABLE
    git = Git(local, plain | transport | _SILENT | _REACHABLE, retry)
    settings = _settings(git)
    local = with_settings(local, (pair for pair in settings if pair[0] == "safe.directory"))
    chosen = {key for key, _ in settings} | {*transport}
    unattended = {}
    if not {"core.sshcommand", "GIT_SSH", "GIT_SSH_COMMAND"} & chosen:
        unattended["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes"
    if not {"core.askpass", "GIT_ASKPASS"} & chosen:
        unattended["GIT_ASKPASS"] = ""  # nor the dialog of a desktop that SSH_ASKPASS names
    return replace(git, local=local, network={**git.network, **unattended})


def with_settings(
    environment: Mapping[str, str], settings: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Return the environment with settings added that git reads as if they were configured."""
    count = environment.get("GIT_CONFIG_COUNT") or "0"
    if not count.isdecimal():
        raise InputError(f"GIT_CONFIG_COUNT is {count!r}", hint="it must be a number")
    found, number = dict(environment), int(count)
    for key, value in settings:
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        number += 1
    return found | ({"GIT_CONFIG_COUNT": str(number)} if number else {})


def _settings(git: Git) -> list[tuple[str, str]]:
    """Return what the person has configured that distgen has to know: keys and values."""
    words = ("config", "--null", "--get-regexp", r"^(core\.(sshcommand|askpass)|safe\.directory)$")
    outcome = run(git, *words, folder=NO_REPOSITORY, network=True)
    if outcome.overdue:  # without its answer git would run with other keys than the person's
        raise DistgenError(
            f"git does not say how it is configured: {explain(outcome)}",
            hint="see whether `git config --list` ends, or wait longer with --timeout",
        )
    lines = outcome.output.decode("utf-8", "surrogateescape").split("\0")
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
    """Run git on the repository in `folder` and return what it said.

    What is run `to_the_end` goes on when the run is stopped.
    """
    seconds = git.retry.timeout if network else _LOCAL_SECONDS
    # Also for a git that outlives a distgen which was killed.
    limit = ("-c", f"http.lowSpeedTime={max(1, round(seconds))}") if network else ()
    words = git_command(folder, network, (*limit, *arguments))
    with open_process(words, git.network if network else git.local) as process:
        try:
            stop = git.abandon if to_the_end else git.stop
            output, error = collect_output(process, stdin, seconds, stop)
        except TimedOut:
            return GitResult(-1, b"", f"fatal: no answer within {seconds:g} seconds", overdue=True)
        except Interrupted:
            return GitResult(-1, b"", f"fatal: {INTERRUPTED}")
    for secret in git.secrets if network else ():
        # A server may repeat what it was sent.
        output, error = (said.replace(secret.encode(), b"***") for said in (output, error))
    return GitResult(process.returncode, output, clean_lines(error))


def explain(outcome: GitResult) -> str:
    """Return the part of git's words that says what went wrong, on one line."""
    lines = outcome.error.splitlines()
    told = [found[1].strip() for line in lines if (found := _TOLD.match(line.strip()))]
    own = [line for line in told if not _NOISE.search(line)]
    # Without a word of git's own it is ssh that knows, in the end: no such host, no such key.
    others = [line for line in lines if not _NOISE.search(line)][-2:]
    unique = list(dict.fromkeys(own or others or told or lines))
    return "; ".join(unique[:4]) or f"git ended with code {outcome.code}"


def clean_lines(said: bytes) -> str:
    """Return what git said, and a server through it, as lines of text: no secrets, no tricks."""
    lines = hide_secrets(said.decode("utf-8", "replace")).replace("\r", "\n").split("\n")
    return "\n".join(printable(line[:_LONGEST]) for line in lines)


def hide_secrets(text: str) -> str:
    """Return the text without the passwords and tokens that stand in addresses."""
    return _USERINFO.sub(lambda found: found[1] or f"{found[2]}{found[3]}", text)


def git_command(folder: Path | None, network: bool, arguments: tuple[str, ...]) -> list[str]:
    """Return the words that run git in a repository."""
    where = ("--git-dir", str(folder)) if folder else ()
    return ["git", *where, *_OPTIONS, *(_NETWORK_OPTIONS if network else ()), *arguments]
