"""Ask an engine what its store has, and let it fetch and send images."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from distgen.build.engine_process import Shell, ask_program, run_program
from distgen.build.engines.engine import Engine
from distgen.build.image_log import ImageLog
from distgen.build.records import PassedOptions
from distgen.errors import DistgenError
from distgen.model.reference import HUB, is_digest, untagged_name

_ASKING = 60.0  # seconds that a question about the store may take


def find_image(engine: Engine, shell: Shell, name: str) -> str | None:
    """Return the id of the image that the store has under a name, None without one."""
    answer = ask_program(engine.image_id(name), shell, time.monotonic() + _ASKING)
    return answer.removeprefix("sha256:") if answer else None


def pull_image(
    engine: Engine, shell: Shell, name: str, passed: PassedOptions, log: ImageLog, deadline: float
) -> str | None:
    """Let the engine pull an image; return its id, None where it cannot be had."""
    log(f"pulling {name}")
    code = run_program(engine.pull(name, passed), shell, deadline, log)
    return None if code else find_image(engine, shell, name)


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
        digest = pick_digest(answer.splitlines(), reference)
    if not is_digest(digest):
        raise DistgenError(f"{engine.name} does not say the digest of {reference}")
    return digest


def pick_digest(names: Iterable[str], reference: str) -> str:
    """Return the digest of a reference among `NAME@DIGEST` as docker prints them, "" without one.

    docker leaves out its own registry, and `library/` there.
    """
    digests = dict(name.rpartition("@")[::2] for name in names)
    name = untagged_name(reference)
    short = name.removeprefix(f"{HUB}/")
    candidates = (digests.get(key) for key in (name, short, short.removeprefix("library/")))
    return next(filter(None, candidates), "")
