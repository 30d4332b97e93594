"""Ask an engine what its store has, let it fetch and send images, and clear what kills left."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from distgen.build.engine_process import Shell, ask_program, run_program
from distgen.build.engines.engine import Engine, KilledBuilds
from distgen.build.image_log import ImageLog
from distgen.build.records import PassedOptions
from distgen.errors import DistgenError
from distgen.git.processes import Interrupted, TimedOut
from distgen.model.reference import is_digest

_ASKING = 60.0  # seconds that a question about the store may take
_MARK = re.compile(r"id=distgen\.([^,]*),src=(.+)")
_MOST_BYTES = 1 << 24


def find_image(engine: Engine, shell: Shell, name: str) -> str | None:
    """Return the id of the image that the store has under a name, None without one."""
    answer = ask_program(engine.image_id(name), shell, time.monotonic() + _ASKING)
    return answer.removeprefix("sha256:") if answer else None


def pull_image(
    engine: Engine, shell: Shell, name: str, passed: PassedOptions, log: ImageLog, deadline: float
) -> str:
    """Let the engine pull an image; return its id."""
    log(f"pulling {name}")
    code = run_program(engine.pull(name, passed), shell, deadline, log)
    image_id = None if code else find_image(engine, shell, name)
    if image_id is None:
        raise DistgenError(
            f"its parent {name} is neither in the store of {engine.name} nor to be pulled:"
            f" {log.reason()}",
            hint="build it in the same run (--with-parents), or push it first",
        )
    return image_id


def push_image(
    engine: Engine,
    shell: Shell,
    reference: str,
    passed: PassedOptions,
    log: ImageLog,
    deadline: float,
) -> str:
    """Let the engine push an image; return the digest that the registry has it under."""
    log(f"pushing {reference}")
    digest_file = Path(shell.environment["TMPDIR"], "digest")
    code = run_program(engine.push(reference, str(digest_file), passed), shell, deadline, log)
    if code:
        raise DistgenError(f"{reference} cannot be pushed: {log.reason()}")
    if engine.pushed_digests is None:
        digest = digest_file.read_text(encoding="ascii").strip()
    else:
        answer = ask_program(engine.pushed_digests(reference), shell, deadline) or ""
        name = reference.rpartition(":")[0]
        digests = dict(line.rpartition("@")[::2] for line in answer.splitlines())
        digest = digests.get(name, "")
    if not is_digest(digest):
        raise DistgenError(f"{engine.name} does not say the digest of {reference}")
    return digest


def make_mark(folder: Path) -> str:
    """Return what tells the containers of this run from all others; the folder is the run's own.

    It is a secret that no Dockerfile asks for: engines keep the list of secrets with a container,
    and nothing of it goes into the image.
    """
    file = folder / "mark"
    file.touch()
    return f"id=distgen.{_host()},src={file}"


def remove_killed(engine: Engine, shell: Shell, is_left: Callable[[Path], bool]) -> int:
    """Remove the containers of killed builds of this machine; return how many there were.

    `is_left` is asked with the file of each mark. Containers without a mark are not distgen's.
    """
    killed = engine.killed_builds
    if killed is None:
        return 0
    try:
        containers = [
            container
            for container, mark in _list_marks(killed, shell)
            if (match := _MARK.fullmatch(mark)) and match[1] == _host() and is_left(Path(match[2]))
        ]
        for container in containers:
            ask_program(killed.remove(container), shell, time.monotonic() + _ASKING)
    except (Interrupted, TimedOut):
        return 0
    return len(containers)


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
