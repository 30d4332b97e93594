"""Run the structure tests of an image: commands in containers, the rest on what is saved."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from distgen.build.engine_process import Shell, ask_program, capture_program, run_program
from distgen.build.engines.engine import CommandCall, Engine
from distgen.build.image_archive import SavedImage, read_archive
from distgen.build.structure_tests import (
    CommandOutcome,
    judge_command,
    judge_content,
    judge_existence,
    judge_metadata,
)
from distgen.errors import DistgenError
from distgen.git.processes import Interrupted, TimedOut

_REMOVING = 60.0  # seconds for a container to be gone
_OF_FILES = (("fileExistenceTests", judge_existence), ("fileContentTests", judge_content))


def run_structure_tests(
    engine: Engine,
    shell: Shell,
    reference: str,
    tests: Mapping[str, Any],
    deadline: float,
    log: Callable[[str], None],
) -> tuple[str, ...]:
    """Return what is not as the tests say, a sentence each; `log` hears of each test.

    Temporary files go where the shell says.
    """
    failures: list[str] = []
    for name, problems in _judge_all(engine, shell, reference, tests, deadline):
        log(f"test {'failed' if problems else 'passed'}: {name}")
        for problem in problems:
            log(f"    {problem}")
            failures.append(f"{name}: {problem}")
    return tuple(failures)


def _judge_all(
    engine: Engine, shell: Shell, reference: str, tests: Mapping[str, Any], deadline: float
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the name of each test, and its problems."""
    for number, test in enumerate(tests.get("commandTests", ())):
        call = _command_call(shell, reference, number, test)
        outcome = _run_command(engine, shell, call, deadline)
        yield test["name"], tuple(judge_command(test, outcome))
    if not {"fileExistenceTests", "fileContentTests", "metadataTest"} & {*tests}:
        return
    image = _save_image(engine, shell, reference, deadline)
    for kind, judge in _OF_FILES:
        for test in tests.get(kind, ()):
            yield test["name"], tuple(judge(test, image))
    if "metadataTest" in tests:
        yield "metadataTest", tuple(judge_metadata(tests["metadataTest"], image.config))


def _command_call(
    shell: Shell, reference: str, number: int, test: Mapping[str, Any]
) -> CommandCall:
    # The folder has a name that no other run has.
    container = f"{Path(shell.environment['TMPDIR']).name.replace('_', '-')}-{number}"
    return CommandCall(
        reference=reference,
        container=container,
        command=test["command"],
        arguments=tuple(test.get("args", ())),
        variables=tuple(f"{pair['key']}={pair['value']}" for pair in test.get("envVars", ())),
        is_chroot=shell.environment.get("BUILDAH_ISOLATION") == "chroot",
    )


def _run_command(
    engine: Engine, shell: Shell, call: CommandCall, deadline: float
) -> CommandOutcome:
    """Run a command in a container of its own, which is removed however the command ends."""
    words = engine.command(call)
    try:
        if words.make and ask_program(words.make, shell, deadline) is None:
            raise DistgenError(f"{engine.name} makes no container of {call.reference}")
        code, output, error = capture_program(words.run, shell, deadline)
        return CommandOutcome(code, output, re.sub(words.added, "", error) if code else error)
    finally:
        # A run that was stopped still clears up.
        removing = replace(shell, stop=shell.abandon)
        with suppress(Interrupted, TimedOut):
            ask_program(words.remove, removing, time.monotonic() + _REMOVING)


def _save_image(engine: Engine, shell: Shell, reference: str, deadline: float) -> SavedImage:
    archive = Path(shell.environment["TMPDIR"], "image.tar")
    lines: list[str] = []
    code = run_program(engine.save(reference, str(archive)), shell, deadline, lines.append)
    if code:
        why = lines[-1] if lines else f"it ended with code {code}"
        raise DistgenError(f"{engine.name} does not save {reference}: {why}")
    return read_archive(archive)
