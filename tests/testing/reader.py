"""A reader of the documentation: follows a page in a shell, in a home of their own."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from testing.pages import Command, Commits, Script, Step, WrittenFile

HERE = Path(__file__).parents[2]
ELSEWHERE = re.compile(
    r"^(?:pip install|(?:buildah|podman|docker|bashbrew|dg|cekit|envsubst) )(?:.*\\\n)*.*\n?", re.M
)
"""What a page says of programs that are not distgen, and would ask the world: not typed here."""

PATIENCE = 180
PERSON = "[user]\n\tname = A Person\n\temail = person@example.org\n"


@dataclass(frozen=True)
class Deviation:
    """Something that is not as the page says."""

    step: Command | Script
    words: str
    code: int
    printed: tuple[str, ...]

    @property
    def is_about_output(self) -> bool:
        return isinstance(self.step, Command) and self.step.code == self.code


class Shell:
    """A shell that a reader types into; it keeps its folder and its variables."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["sh"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def type(self, words: str) -> tuple[int, list[str]]:
        """Run commands, and return the exit code of the last one and the lines they printed."""
        assert self._process.stdin and self._process.stdout
        watch = threading.Timer(PATIENCE, self.close)
        watch.start()
        self._process.stdin.write(
            f"{{ {words.rstrip()}\n}} </dev/null\nprintf '\\n=end=%s\\n' $?\n"
        )
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            if ended := re.fullmatch(r"=end=(\d+)\n", line):
                watch.cancel()
                return int(ended[1]), "".join(lines)[:-1].rstrip("\n").splitlines()
            lines.append(f"{line.rstrip()}\n")
        watch.cancel()
        return self._process.wait(), [*"".join(lines).splitlines(), "(the shell ended)"]

    def close(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def begin(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Make the home of a reader who installed distgen, and return the reader's environment."""
    home, programs, temporary, runtime = (folder / name for name in ("home", "bin", "tmp", "run"))
    for made in (home, programs, temporary, runtime):
        made.mkdir(mode=0o700)
    (home / ".gitconfig").write_text(PERSON)
    command = programs / "distgen"
    words = shlex.join([sys.executable, f"{HERE}/distgen_git.py"])
    command.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    command.chmod(0o755)
    for script in HERE.glob("ci/distgen-*"):
        (programs / script.name).symlink_to(script)
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "XDG_RUNTIME_DIR": str(runtime),
        "LC_ALL": "C.UTF-8",
        **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
        **environment,
    }


def follow(
    steps: Iterator[Step], folder: Path, environment: Mapping[str, str], commits: Commits
) -> Iterator[Deviation]:
    """Do what a page says, beginning in a folder; yield what is not as it says.

    A script that fails is the end.
    """
    shell = Shell(folder, environment)
    try:
        for step in steps:
            if isinstance(step, WrittenFile):
                _write(Path(shell.type("pwd")[1][0]) / step.path, step.text)
            elif deviation := _run(step, shell, commits):
                yield deviation
                if isinstance(step, Script):
                    return
    finally:
        shell.close()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if text.startswith("#!"):
        path.chmod(0o755)


def _run(step: Command | Script, shell: Shell, commits: Commits) -> Deviation | None:
    words = step.words if isinstance(step, Command) else ELSEWHERE.sub("", step.text)
    if not ELSEWHERE.sub("", words).strip():
        return None
    if isinstance(step, Script):
        code, printed = shell.type(f"set -e\n{words}\nset +e")
        return Deviation(step, words, code, tuple(printed)) if code else None
    code, printed = shell.type(words)
    if code == step.code and commits.are_same(step.shown, printed):
        return None
    return Deviation(step, words, code, tuple(printed))
