"""Run a program to its end or its time limit, out of the reach of a terminal's ^C."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from distgen.errors import DistgenError

_GULP = 4096  # bytes that every pipe takes at once
_KEPT = 1 << 16  # bytes of what a program says on stderr
_LOOK = 0.2  # seconds between two looks at whether the run was interrupted


class TimedOut(Exception):
    """The program did not end in time."""


class Interrupted(Exception):
    """The run was interrupted before the program ended."""


def start_process(
    command: Sequence[str], environment: Mapping[str, str], stderr: int
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that a ^C for us does not end a push of ours."""
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError)
        hint = f"install {command[0]}" if is_missing else "use fewer --jobs, or raise `ulimit`"
        raise DistgenError(f"{command[0]} cannot be started: {error.strerror}", hint=hint) from None


@contextmanager
def open_process(
    command: Sequence[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, and end it with all that it started when the caller is through with it."""
    process = start_process(command, environment, subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def collect_output(
    process: subprocess.Popen[bytes], stdin: bytes, seconds: float, stop: threading.Event
) -> tuple[bytes, bytes]:
    """Return stdout and the end of stderr; raise Overdue, or Interrupted once `stop` is set."""
    deadline = time.monotonic() + seconds
    _feed(process, stdin)
    assert process.stdout is not None
    assert process.stderr is not None
    output, error, is_cut = bytearray(), bytearray(), False
    due = _due(deadline)
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ, output)
        pipes.register(process.stderr, selectors.EVENT_READ, error)
        while pipes.get_map():
            ended = process.poll() is not None
            ready = pipes.select(max(0.0, due - time.monotonic()))
            for key, _ in ready:
                _hear(pipes, key)
            is_cut |= len(error) > _KEPT
            del error[:-_KEPT]  # a server may talk without end, and its last words tell most
            if ended and not ready:
                break  # something that it left behind, such as a shared ssh, holds the pipes
            if time.monotonic() >= due:
                _go_on(deadline, stop)
                due = _due(deadline)
    while process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, _due(deadline) - time.monotonic()))
            break
        _go_on(deadline, stop)
    # Half a line might be half a secret, which nobody recognises.
    return bytes(output), bytes(error.partition(b"\n")[2] if is_cut else error)


def _hear(pipes: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    part = os.read(key.fd, _GULP << 4)
    key.data.extend(part)
    if not part:
        pipes.unregister(key.fileobj)


def _due(deadline: float) -> float:
    return min(deadline, time.monotonic() + _LOOK)


def _go_on(deadline: float, stop: threading.Event) -> None:
    if stop.is_set():
        raise Interrupted
    if time.monotonic() >= deadline:
        raise TimedOut


def _feed(process: subprocess.Popen[bytes], stdin: bytes) -> None:
    """Hand a program its input, in a thread where that takes more than one gulp."""
    pipe, process.stdin = process.stdin, None
    assert pipe is not None

    def write() -> None:
        with suppress(OSError):  # a program that has ended reads no more
            pipe.write(stdin)
        with suppress(OSError):
            pipe.close()

    if len(stdin) <= _GULP:
        write()
    else:
        try:
            threading.Thread(target=write, daemon=True).start()
        except RuntimeError:  # the limit of processes, which Python does not tell apart
            raise DistgenError(
                "no thread can be started", hint="use fewer --jobs, or raise `ulimit -u`"
            ) from None
