"""Ask a Kolla that is installed for another interpreter, in a process of that interpreter.

Two releases of Kolla cannot be imported by one Python. What runs there is the user's own Kolla; it
gets no variable of the environment, and it is ended where it takes too long or writes too much.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from distgen.catalogue.sources.kolla.question import KollaQuestion, dump_question, load_origin
from distgen.errors import DistgenError, InputError
from distgen.model.words import Origin

SECONDS = 120.0
LARGEST_ANSWER = 16 * 2**20
_MEMORY = 4 * 2**30
_POLL = 0.05
_PYTHON = re.compile(r"python(?:3(?:\.\d+)?)?")
_WHOLE_PATH = "write the whole path of bin/python of an environment that Kolla is installed in"
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}
_PACKAGE = Path(__file__).parents[3]
# Kolla and what it imports may print; the answer goes where only this program writes.
_PROGRAM = f"""
import importlib.util, json, os, resource, sys
stdin, stdout = os.dup(0), os.dup(1)
os.dup2(2, 1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
resource.setrlimit(resource.RLIMIT_AS, ({_MEMORY}, {_MEMORY}))
if sys.version_info < (3, 10):
    os.write(stdout, json.dumps({{"version": "%d.%d" % sys.version_info[:2]}}).encode())
elif importlib.util.find_spec("kolla") is None:
    os.write(stdout, json.dumps({{"absent": True}}).encode())
else:
    folder = sys.argv[1]
    spec = importlib.util.spec_from_file_location(
        "distgen", folder + "/__init__.py", submodule_search_locations=[folder]
    )
    sys.modules["distgen"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["distgen"])
    from distgen.catalogue.sources.kolla.answer import answer
    answer(stdin, stdout)
"""


def check_interpreter(python: str, root: Path, origin: Origin) -> None:
    """Refuse what a catalogue may not run: all but a Python outside of it that others cannot edit.

    Who may write the catalogue, or propose a change to it, must not choose what a job runs.
    """
    path = Path(python)
    if not path.is_absolute():
        raise InputError(f"python: `{python}` is no absolute path", where=origin, hint=_WHOLE_PATH)
    if not _PYTHON.fullmatch(path.name):
        raise InputError(f"python: {python} is not called python", where=origin, hint=_WHOLE_PATH)
    if not path.is_file():
        raise InputError(f"python: there is no file {python}", where=origin, hint=_WHOLE_PATH)
    # An older commit may be read elsewhere, and name a file of this one's checkout.
    folders = {*path.parents, *path.parent.resolve().parents, path.parent.resolve()}
    is_own = path.resolve().is_relative_to(root.resolve())
    if is_own or root.resolve() in folders or any((f / ".git").exists() for f in folders):
        problem = f"python: {python} lies in the catalogue or a git repository"
        raise InputError(problem, where=origin, hint="files of those are never run")
    for place in (path, *path.parents):
        status = place.lstat()
        is_open = stat.S_IMODE(status.st_mode) & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH
        is_shared = is_open and not stat.S_ISLNK(status.st_mode)
        if is_shared or status.st_uid not in (0, os.geteuid()):
            problem = f"python: {place} may be changed by others than you"
            raise InputError(problem, where=origin, hint="install Kolla in a folder of your own")


def ask_interpreter(python: str, question: KollaQuestion, origin: Origin) -> dict[str, Any]:
    """Return what the Kolla of an interpreter makes of settings; raise what it raises."""
    output = _run(python, json.dumps(dump_question(question)).encode(), origin)
    try:
        result = json.loads(output)
        if not isinstance(result, dict):
            raise ValueError(result)
    except (ValueError, RecursionError):
        problem = f"python: {python} answers what no Kolla answers"
        raise InputError(problem, where=origin, hint=_WHOLE_PATH) from None
    if "version" in result:
        raise InputError(
            f"python: {python} is Python {result['version']}, older than 3.10",
            where=origin,
            hint="install Kolla for a newer one",
        )
    if "absent" in result:
        hint = f"{python} -m pip install kolla"
        raise InputError(f"python: {python} has no kolla package", where=origin, hint=hint)
    if "problem" in result:
        raise _error(result, python)
    answer = result.get("answer")
    if not isinstance(answer, dict):
        problem = f"python: {python} answers what no Kolla answers"
        raise InputError(problem, where=origin, hint=_WHOLE_PATH)
    return answer


def _error(result: Mapping[str, Any], python: str) -> DistgenError:
    where = result.get("where")
    kind = InputError if result.get("is_input") else DistgenError
    place = load_origin(where) if isinstance(where, list) else where
    return kind(str(result["problem"]), where=place or python, hint=str(result.get("hint", "")))


def _run(python: str, question: bytes, origin: Origin) -> bytes:
    command = [python, "-I", "-B", "-c", _PROGRAM, str(_PACKAGE)]
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        stdin.write(question)
        stdin.seek(0)
        try:
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            problem = f"python: {python} cannot be run: {(error.strerror or '').lower()}"
            raise InputError(problem, where=origin, hint=_WHOLE_PATH) from None
        try:
            problem = _wait(process, (stdout, stderr))
        finally:
            _end_group(process)
        if problem or process.returncode:
            words = problem or _last_words(process.returncode, stderr)
            raise DistgenError(f"python: {python} {words}", where=origin)
        stdout.seek(0)
        return stdout.read()


def _wait(process: subprocess.Popen[bytes], files: tuple[IO[bytes], ...]) -> str:
    """Wait for the end of a process; return why it has to be ended, "" where it ended itself."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            process.wait(_POLL)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                return f"did not answer within {SECONDS:.0f} seconds"
        if any(os.fstat(file.fileno()).st_size > LARGEST_ANSWER for file in files):
            return f"wrote more than {LARGEST_ANSWER // 2**20} MiB"
        if process.returncode is not None:
            return ""


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_words(code: int, stderr: IO[bytes]) -> str:
    """Say how a process ended, with the last line that it wrote."""
    stderr.seek(0)
    lines = [line.strip() for line in stderr.read().decode("utf-8", "replace").splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    end = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    return f"{end}: {last[:300]}" if last else end
