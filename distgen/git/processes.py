"""Run a program to its end or its time limit, where a terminal's ^C does not reach it."""

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

_PIPE_BUFFER = 4096  # bytes that every pipe takes at once
_MAX_ERROR = 1 << 16  # bytes of stderr that are kept
_POLL = 0.2  # seconds between two checks whether the run was interrupted
# A program that starts takes twice the files of one that runs; eight at once took 77.
_STARTING = threading.Lock()


class TimedOut(Exception):
    """The program did not end in time."""


class Interrupted(Exception):
    """The run was interrupted before the program ended."""


def start_process(
    command: Sequence[str],
    environment: Mapping[str, str],
    stderr: int,
    stdin: int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that ^C does not kill a running push."""
    try:
        with _STARTING:
            return subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                start_new_session=True,
            )
    except FileNotFoundError:
        sentence = f"{command[0]} is not on PATH"
        raise DistgenError(sentence, hint=f"install {command[0]}") from None
    except OSError as error:
        sentence = f"{command[0]} cannot be started: {error.strerror}"
        raise DistgenError(sentence, hint="use fewer --jobs, or raise `ulimit`") from None


@contextmanager
def open_process(
    command: Sequence[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program; at the end kill it and every process that it started."""
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
    """Return stdout and the end of stderr; raise TimedOut, or Interrupted once `stop` is set."""
    deadline = time.monotonic() + seconds
    _write_input(process, stdin)
    assert process.stdout is not None
    assert process.stderr is not None
    output, error, is_cut = bytearray(), bytearray(), False
    next_check = _next_check(deadline)
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ, output)
        pipes.register(process.stderr, selectors.EVENT_READ, error)
        while pipes.get_map():
            has_ended = process.poll() is not None
            ready = pipes.select(max(0.0, next_check - time.monotonic()))
            for key, _ in ready:
                _read_pipe(pipes, key)
            is_cut |= len(error) > _MAX_ERROR
            del error[:-_MAX_ERROR]  # a server may write without end, and its last lines say most
            if has_ended and not ready:
                break  # a process that it left behind, such as a shared ssh, has the pipes open
            if time.monotonic() >= next_check:
                _check_limits(deadline, stop)
                next_check = _next_check(deadline)
    while process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, _next_check(deadline) - time.monotonic()))
            break
        _check_limits(deadline, stop)
    # A cut line may hold half a secret, which hide_secrets() does not recognise.
    return bytes(output), bytes(error.partition(b"\n")[2] if is_cut else error)


def _read_pipe(pipes: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    chunk = os.read(key.fd, _PIPE_BUFFER << 4)
    key.data.extend(chunk)
    if not chunk:
        pipes.unregister(key.fileobj)


def _next_check(deadline: float) -> float:
    return min(deadline, time.monotonic() + _POLL)


def _check_limits(deadline: float, stop: threading.Event) -> None:
    if stop.is_set():
        raise Interrupted
    if time.monotonic() >= deadline:
        raise TimedOut


def _write_input(process: subprocess.Popen[bytes], stdin: bytes) -> None:
    """Write the input of a program, in a thread where it is larger than the pipe's buffer."""
    pipe, process.stdin = process.stdin, None
    assert pipe is not None

    def write() -> None:
        with suppress(OSError):  # a program that has ended reads nothing
            pipe.write(stdin)
        with suppress(OSError):
            pipe.close()

    # A large fast-import that took longer than one poll once hung forever.
    if len(stdin) <= _PIPE_BUFFER:
        write()
    else:
        try:
            threading.Thread(target=write, daemon=True).start()
        except RuntimeError:  # Python raises this at the limit of processes
            raise DistgenError(
                "no thread can be started", hint="use fewer --jobs, or raise `ulimit -u`"
            ) from None
