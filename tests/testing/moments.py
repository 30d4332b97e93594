"""A program that publishes, halted at a moment that a test names, so that it may be killed there.

    moment = arrange(tmp_path / "moment", "push", "after", 3)
    process = start(root, "publish", PATH=moment.path)
    await_halt(moment, process)         # its third push has just ended
    kill(process, also_git=True)
    resume(moment)                      # for what is not killed: git, a server

What is observed is git, by a program of its name that comes first in the PATH: `init`,
`fast-import`, which can be halted `within` as well, and `push`. What `watch` is called for is
observed too: `ref` is a branch of that repository, `before` it moves and `after` all have.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Called with what happens and when: counts it, and halts at the moment that was arranged.
_WITNESS = """\
#!/bin/sh
cd "@folder@" || exit
number=1
while ! mkdir "seen/$1.$2.$number" 2>/dev/null; do number=$((number + 1)); done
[ -e "halt/$1.$2.$number" ] || exit 0
: >halted
while [ ! -e go ]; do sleep 0.02; done
"""
_GIT = """\
#!/bin/sh
name=
for word; do
    case $word in init|fast-import|push) name=$word; break;; esac
done
[ "$name" ] || exec "@git@" "$@"
"@folder@/witness" "$name" before
if [ "$name" = fast-import ]; then
    { head -c 1000; "@folder@/witness" "$name" within; cat; } | "@git@" "$@"
else
    "@git@" "$@"
fi
code=$?
"@folder@/witness" "$name" after
exit $code
"""
_HOOK = '#!/bin/sh\nexec "@folder@/witness" ref @when@\n'


@dataclass(frozen=True)
class Moment:
    """Where a program is to halt, once it is started with `path` as its PATH."""

    folder: Path

    @property
    def path(self) -> str:
        return f"{self.folder}:{os.environ['PATH']}"

    @property
    def seen(self) -> list[str]:
        """What has happened until now: what, when, and a number."""
        return sorted(path.name for path in (self.folder / "seen").iterdir())


def arrange(folder: Path, what: str, when: str, number: int) -> Moment:
    """Let a program halt before, within or after what it does for the n-th time."""
    for name in ("seen", "halt"):
        (folder / name).mkdir(parents=True)
    (folder / "halt" / f"{what}.{when}.{number}").touch()
    words = {"folder": str(folder), "git": str(shutil.which("git"))}
    _write(folder / "witness", _WITNESS, words)
    _write(folder / "git", _GIT, words)
    return Moment(folder)


def watch(moment: Moment, repository: Path) -> None:
    """Observe the branches of a repository."""
    hooks = repository / "hooks"
    hooks.mkdir(exist_ok=True)
    for name, when in (("update", "before"), ("post-receive", "after")):
        _write(hooks / name, _HOOK, {"folder": str(moment.folder), "when": when})


def await_halt(moment: Moment, process: subprocess.Popen[Any], seconds: float = 60) -> None:
    """Wait until the program has halted; one that ends before that has missed the moment."""
    deadline = time.monotonic() + seconds
    while not (moment.folder / "halted").exists():
        assert process.poll() is None, (process.communicate(), moment.seen)
        assert time.monotonic() < deadline, moment.seen
        time.sleep(0.01)


def resume(moment: Moment) -> None:
    """Let what halted go on, if it lives."""
    (moment.folder / "go").touch()


def kill(process: subprocess.Popen[Any], also_git: bool) -> None:
    """Kill a program, or all that it started as well, as when the machine is switched off."""
    doomed = [process.pid]
    children = _children() if also_git else {}
    for pid in doomed:
        doomed += children.get(pid, [])
    for pid in doomed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(name))
    return children


def _write(path: Path, script: str, words: dict[str, str]) -> None:
    for name, text in words.items():
        script = script.replace(f"@{name}@", text)
    path.write_text(script, encoding="utf-8")
    path.chmod(0o755)
