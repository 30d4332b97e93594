"""Tell the builds of a run by a mark, and clear away what is left of them when they are killed."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from distgen.build.engine_process import Shell, ask_program
from distgen.build.engines.engine import Engine, KilledBuilds
from distgen.git.processes import Interrupted, TimedOut

_ASKING = 60.0  # seconds that a question about the store may take
_ENDING = 5.0  # seconds for a killed process to be gone
_MARK = re.compile(r"(?:--secret=)?id=distgen\.([^,]*),src=(.+)")
_MOST_BYTES = 1 << 24
IsLeft = Callable[[Path], bool]
"""Tells of the file of a mark whether its run was killed."""


def make_mark(folder: Path) -> str:
    """Return what tells the containers of this run from all others; the folder is the run's own.

    It is a secret that no Dockerfile asks for: engines keep the list of secrets with a container,
    and nothing of it goes into the image.
    """
    file = folder / "mark"
    file.touch()
    return f"id=distgen.{_host()},src={file}"


def remove_killed(engine: Engine, shell: Shell, is_left: IsLeft) -> int:
    """Remove the containers of killed builds of this machine; return how many there were.

    `is_left` is asked with the file of each mark. Containers without a mark are not distgen's.
    """
    killed = engine.killed_builds
    if killed is None:
        return 0
    try:
        containers = [
            container for container, mark in _list_marks(killed, shell) if _has_mark(mark, is_left)
        ]
        for container in containers:
            ask_program(killed.remove(container), shell, time.monotonic() + _ASKING)
    except (Interrupted, TimedOut):
        return 0
    return len(containers)


def end_orphans(is_left: IsLeft) -> None:
    """Kill the engines that outlived a killed run: they would move its tags when they end."""
    orphans = list(_list_orphans(is_left))
    for leader in orphans:
        with suppress(OSError):
            os.killpg(leader, signal.SIGKILL)
    deadline = time.monotonic() + _ENDING
    while orphans and time.monotonic() < deadline:
        time.sleep(0.05)
        orphans = [leader for leader in orphans if Path(f"/proc/{leader}").exists()]


def _list_orphans(is_left: IsLeft) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().decode("utf-8", "replace").split("\0")
            process = int(path.parent.name)
            is_leader = os.getpgid(process) == process  # distgen starts each in a session
            if is_leader and any(_has_mark(word, is_left) for word in words):
                yield process


def _has_mark(text: str, is_left: IsLeft) -> bool:
    match = _MARK.fullmatch(text)
    return bool(match and match[1] == _host() and is_left(Path(match[2])))


def _list_marks(killed: KilledBuilds, shell: Shell) -> list[tuple[str, str]]:
    """Return the containers of unfinished builds, each with the secrets that its build has."""
    deadline = time.monotonic() + _ASKING
    containers = (ask_program(killed.containers, shell, deadline) or "").split()
    if not containers:
        return []
    root, _, driver = (ask_program(killed.storage, shell, deadline) or "").rpartition(" ")
    marks = []
    for container in containers:
        path = Path(root, f"{driver}-containers", container, "userdata", "buildah.json")
        try:
            with path.open("rb") as file:
                options = json.loads(file.read(_MOST_BYTES))["CommonBuildOpts"]
            marks += [(container, str(secret)) for secret in options["Secrets"] or ()]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a container that runs, or one of another version of the engine
    return marks


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", os.uname().nodename)
