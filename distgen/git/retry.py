"""Reach a server with git: again when it fails, not for ever, and not when it is out."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.location import Place
from distgen.git.run import NO_REPOSITORY, Git, GitResult, explain, run

_NO_ANSWER = re.compile(
    r"Failed to connect|Couldn't connect|Connection (?:refused|timed out)|No route to host"
    r"|Could not resolve host|Network is unreachable|Temporary failure in name resolution",
    re.IGNORECASE,
)
_BROKEN = re.compile(
    r"returned error: (?:5\d\d|408|429)|HTTP (?:5\d\d|408|429)\b|Connection (?:reset|closed)"
    r"|Empty reply|early EOF|unexpected disconnect|hung up unexpectedly|hung up upon initial"
    r"|transfer closed|Recv failure|Send failure|SSL_ERROR_SYSCALL|Broken pipe"
    r"|unexpected end of file|unexpected eof|TLS connection was non-properly terminated"
    r"|GnuTLS recv error|TLS packet|HTTP/2 stream|HTTP2 framing"
    r"|\Afatal: Could not read from remote",  # and not a word of ssh before it
    re.IGNORECASE,
)
_FINAL = re.compile(
    r"returned error: 4(?!08|29)\d\d|HTTP 4(?!08|29)\d\d|denied|not (?:allowed|permitted)",
    re.IGNORECASE,
)


def run_with_retries(
    git: Git, place: Place, *arguments: str, folder: Path | None = None
) -> GitResult:
    """Run a git command that reads from a place; a server that fails is asked again."""
    folder = folder or NO_REPOSITORY
    if place.folder is not None:
        return run(git, *arguments, folder=folder)
    attempt = 0
    while True:
        if git.outages.is_out(place.server):
            what = "did not answer again and again, and is not asked any more in this run"
            raise DistgenError(what, where=place.server)
        done = run(git, *arguments, folder=folder, network=True)
        git.outages.record(place.server, not is_unanswered(done))
        attempt += 1
        if not is_temporary(done) or attempt == git.retry.attempts:
            return done
        if not wait_for_retry(git, attempt - 1, f"{place}: {explain(done)}"):
            return done


def is_unanswered(done: GitResult) -> bool:
    """Say whether there was no answer at all."""
    return done.code != 0 and (done.overdue or bool(_NO_ANSWER.search(done.error)))


def is_temporary(done: GitResult) -> bool:
    """Say whether a failure may pass; one that took all the time there is will not."""
    if done.code == 0 or done.overdue or _FINAL.search(done.error):
        return False
    is_cut = done.code == -signal.SIGPIPE
    return is_cut or bool(_NO_ANSWER.search(done.error) or _BROKEN.search(done.error))


def wait_for_retry(git: Git, attempt: int, why: str) -> bool:
    """Pause before the next attempt; return False when the run is interrupted meanwhile."""
    seconds = git.retry.pause_after(attempt)
    git.retry.report(f"{why}; trying again in {seconds:.1f} seconds")
    return not git.stop.wait(seconds)
