"""Run git on a server again when it fails, a limited number of times, and not when it is down."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.location import Place
from distgen.git.run import NO_REPOSITORY, Git, GitResult, explain, run, share_connection

_NO_ANSWER = re.compile(
    r"Failed to connect|Couldn't connect|Connection (?:refused|timed out)|No route to host"
    r"|Could not resolve host|Network is unreachable|Temporary failure in name resolution",
    re.IGNORECASE,
)
# TLS has messages of its own: one cut https connection once failed an image.
_BROKEN = re.compile(
    r"returned error: (?:5\d\d|408|429)|HTTP (?:5\d\d|408|429)\b|Connection (?:reset|closed)"
    r"|Empty reply|early EOF|unexpected disconnect|hung up unexpectedly|hung up upon initial"
    r"|transfer closed|Recv failure|Send failure|SSL_ERROR_SYSCALL|Broken pipe"
    r"|unexpected end of file|unexpected eof|TLS connection was non-properly terminated"
    r"|GnuTLS recv error|TLS packet|HTTP/2 stream|HTTP2 framing"
    r"|\Afatal: Could not read from remote",  # without a line of ssh before it
    re.IGNORECASE,
)
# What ssh says of a connection that works, before anything goes wrong.
_GREETING = re.compile(
    r"^(?:Could not chdir to home directory|Warning: Permanently added) .*\n+", re.MULTILINE
)
_FINAL = re.compile(
    r"returned error: 4(?!08|29)\d\d|HTTP 4(?!08|29)\d\d|denied|not (?:allowed|permitted)",
    re.IGNORECASE,
)


def run_with_retries(
    git: Git, place: Place, *arguments: str, folder: Path | None = None
) -> GitResult:
    """Run a git command that reads from a place; repeat it when the server fails."""
    folder = folder or NO_REPOSITORY
    if place.folder is not None:
        return run(git, *arguments, folder=folder)
    ask = partial(run_on_server, git, place, *arguments, folder=folder)
    return ask_with_retries(git, place, ask)


def ask_with_retries(git: Git, place: Place, ask: Callable[[], GitResult]) -> GitResult:
    """Ask a server; ask again when it fails."""
    attempt = 0
    while True:
        # A run of thousands of repositories must not wait for each of them on a dead server.
        if git.outages.is_out(place.server):
            sentence = "did not answer again and again, and is not asked any more in this run"
            raise DistgenError(sentence, where=place.server)
        result = ask()
        git.outages.record(place.server, not is_unanswered(result))
        attempt += 1
        if not is_temporary(result) or attempt == git.retry.attempts:
            return result
        if not wait_for_retry(git, attempt - 1, f"{place}: {explain(result)}"):
            return result


def run_on_server(
    git: Git, place: Place, *arguments: str, folder: Path, to_the_end: bool = False
) -> GitResult:
    """Run a git command that talks to a server, over a connection that the run shares."""
    with share_connection(git, place.address) as connected_git:
        result = run(connected_git, *arguments, folder=folder, network=True, to_the_end=to_the_end)
    if git.connections and (result.timed_out or is_temporary(result)):
        git.connections.distrust(place.address)
    return result


def is_unanswered(result: GitResult) -> bool:
    """Tell whether the server gave no answer at all."""
    return result.code != 0 and (result.timed_out or bool(_NO_ANSWER.search(result.error)))


def is_temporary(result: GitResult) -> bool:
    """Tell whether a failure may pass; a command that took all its time would take it again."""
    if result.code == 0 or result.timed_out:
        return False
    error = _GREETING.sub("", result.error)
    if _FINAL.search(error):
        return False
    is_cut = result.code == -signal.SIGPIPE  # so git ends when a git:// server hangs up
    return is_cut or bool(_NO_ANSWER.search(error) or _BROKEN.search(error))


def wait_for_retry(git: Git, attempt: int, reason: str) -> bool:
    """Pause before the next attempt; return False when the run is interrupted meanwhile."""
    pause = git.retry.pause_after(attempt)
    git.retry.report(f"{reason}; trying again in {pause:.1f} seconds")
    return not git.stop.wait(pause)
