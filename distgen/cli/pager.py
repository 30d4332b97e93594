"""Show a long text through the pager that git is configured with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from distgen.cli.streams import stdout_is_terminal

_NO_PAGER = ("", "cat")
_DEFAULTS = {"LESS": "FRX", "LV": "-c"}
"""git's own: less ends where the text fits on the screen, and keeps colours."""
_COMMAND_NOT_FOUND = 127


def find_pager(environ: Mapping[str, str], folder: Path) -> str:
    """Return the command of git's pager, "" where nothing is to be paged."""
    git = shutil.which("git", path=environ.get("PATH"))
    if not stdout_is_terminal() or git is None or environ.get("TERM", "dumb") == "dumb":
        return ""
    answer = subprocess.run(
        [git, "var", "GIT_PAGER"], cwd=folder, env=dict(environ), capture_output=True, check=False
    )
    command = answer.stdout.decode("utf-8", "surrogateescape").strip()
    return "" if answer.returncode or command in _NO_PAGER else command


def show_paged(text: str, command: str, environ: Mapping[str, str]) -> bool:
    """Show a text through a pager; return False where the pager cannot be run."""
    settings = {**_DEFAULTS, **environ, "GIT_PAGER_IN_USE": "1"}
    with subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, env=settings) as process:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # the reader has seen enough
            process.stdin.write(text.encode("utf-8", "backslashreplace"))
            process.stdin.close()
        while True:
            # ^C belongs to the pager, which takes it for the end of a search.
            with suppress(KeyboardInterrupt):
                return process.wait() != _COMMAND_NOT_FOUND
