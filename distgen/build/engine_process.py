"""Run an engine's program: its lines as they come, within a time, and nothing left running."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from distgen.build.log_lines import LogLines
from distgen.git.processes import (
    Interrupted,
    TimedOut,
    collect_output,
    open_process,
    start_process,
)

INTERRUPTED = "the run was interrupted"
_POLL = 0.2  # seconds between two checks whether the run was interrupted
_GRACE = 10.0  # seconds between TERM and KILL
_CHUNK = 1 << 16
_MOST_OUTPUT = 1 << 20  # bytes of what a command of a test prints


@dataclass(frozen=True, slots=True)
class Shell:
    """What programs get of this run: the environment, and the events that end them.

    Once `stop` is set they are asked to end, once `abandon` is set they are killed.
    """

    environment: Mapping[str, str] = field(repr=False)
    stop: threading.Event
    abandon: threading.Event


def run_program(
    words: Sequence[str], shell: Shell, deadline: float, tell: Callable[[str], None]
) -> int:
    """Run a program to its end and tell each line that it prints; return its exit code.

    Raises TimedOut, or Interrupted, after the program and all that it started have ended.
    """
    started = start_process(words, shell.environment, subprocess.STDOUT, subprocess.DEVNULL)
    with started as process:
        try:
            _follow(process, shell, deadline, tell)
        except (TimedOut, Interrupted):
            _end(process, shell, tell)
            _kill_group(process)
            raise
        finally:
            # What a program leaves that ended by itself, such as a mount's, is its own affair.
            if process.poll() is None:
                _kill_group(process)
    return process.returncode


def ask_program(words: Sequence[str], shell: Shell, deadline: float) -> str | None:
    """Return what a program prints, without blanks around it; None where it fails."""
    with open_process(words, shell.environment) as process:
        seconds = max(0.0, deadline - time.monotonic())
        output, _ = collect_output(process, b"", seconds, shell.stop)
        return None if process.returncode else output.decode("utf-8", "replace").strip()


def capture_program(words: Sequence[str], shell: Shell, deadline: float) -> tuple[int, str, str]:
    """Run a program to its end; return its exit code and the beginning of stdout and stderr.

    Raises TimedOut, or Interrupted, after the program and all that it started have ended.
    """
    started = start_process(words, shell.environment, subprocess.PIPE, subprocess.DEVNULL)
    with started as process:
        try:
            output, error = _capture(process, shell, deadline)
        finally:
            if process.poll() is None:
                _kill_group(process)
    return process.returncode, output.decode("utf-8", "replace"), error.decode("utf-8", "replace")


def _capture(
    process: subprocess.Popen[bytes], shell: Shell, deadline: float
) -> tuple[bytearray, bytearray]:
    output, error = bytearray(), bytearray()
    with selectors.DefaultSelector() as pipes:
        for pipe, text in ((process.stdout, output), (process.stderr, error)):
            assert pipe is not None
            pipes.register(pipe, selectors.EVENT_READ, text)
        while pipes.get_map():
            has_ended = process.poll() is not None
            ready = pipes.select(_POLL)
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK)
                key.data.extend(chunk[: _MOST_OUTPUT - len(key.data)])
                if not chunk:
                    pipes.unregister(key.fileobj)
            if has_ended and not ready:
                break
            _check(shell, deadline)
    while process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_POLL)
        _check(shell, deadline)
    return output, error


def _follow(
    process: subprocess.Popen[bytes], shell: Shell, deadline: float, tell: Callable[[str], None]
) -> None:
    """Tell what the program prints until it ends; raise when it is to end before."""
    assert process.stdout is not None
    lines = LogLines()
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ)
        is_open = True
        while is_open:
            has_ended = process.poll() is not None
            ready = pipes.select(_POLL)
            chunk = os.read(process.stdout.fileno(), _CHUNK) if ready else b""
            for line in lines.feed(chunk):
                tell(line)
            # A process that it left behind may have the pipe open for ever.
            is_open = bool(chunk) if ready else not has_ended
            _check(shell, deadline)
    for line in lines.finish():
        tell(line)
    while process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_POLL)
        _check(shell, deadline)


def _check(shell: Shell, deadline: float) -> None:
    if shell.stop.is_set():
        raise Interrupted
    if time.monotonic() >= deadline:
        raise TimedOut


def _end(process: subprocess.Popen[bytes], shell: Shell, tell: Callable[[str], None]) -> None:
    """Ask the program and all that it started to end, and wait for it for a while."""
    assert process.stdout is not None
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE
    lines = LogLines()
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ)
        # It is read on: a program with a full pipe could not clean up behind itself.
        while process.poll() is None and time.monotonic() < deadline:
            if shell.abandon.is_set():
                return
            if pipes.select(_POLL):
                chunk = os.read(process.stdout.fileno(), _CHUNK)
                for line in lines.feed(chunk):
                    tell(line)
                if not chunk:
                    pipes.unregister(process.stdout)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the program's processes."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
