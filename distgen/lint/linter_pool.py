"""Run linters on chunks of texts, some processes at once, and lose no text for the sake of another.

A chunk whose process fails or takes too long is halved until the bad text is alone.
"""

from __future__ import annotations

import os
import resource
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from distgen.errors import DistgenError
from distgen.git.temporary import scratch_folder
from distgen.lint.chunks import Chunk
from distgen.lint.delayed_signals import delayed_signals
from distgen.lint.linters import Linter, Messages, last_line, read_messages

_READ_SIZE = 1 << 16
_END_SECONDS = 5
_POLL = 0.2  # seconds; a signal that comes just before a wait is not heard in it
_ENDS = (0, 1)  # the exit codes without and with findings
_ERRORS = "errors"  # the file of what a process says besides its findings


@dataclass(frozen=True, slots=True)
class LinterLimits:
    """The most seconds that the process of a chunk, and that of a lone text may take."""

    chunk: float = 300
    text: float = 900


class Outcome(NamedTuple):
    """What a linter says of a text; not `is_checked` where that is why it could not check it."""

    linter: Linter
    text: bytes
    messages: Messages
    is_checked: bool = True


@dataclass(slots=True, eq=False)
class _ChunkProcess:
    chunk: Chunk
    process: subprocess.Popen[bytes]
    errors: Path
    deadline: float
    resources: ExitStack
    output: bytearray = field(default_factory=bytearray)


class LinterPool:
    """Checks chunks in up to `jobs` processes; closing it ends them."""

    def __init__(self, jobs: int, limits: LinterLimits) -> None:
        self._jobs = max(1, jobs)
        self._limits = limits
        self._waiting: deque[Chunk] = deque()
        self._running: list[_ChunkProcess] = []
        self._working: set[Linter] = set()

    def __enter__(self) -> LinterPool:
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes at once."""
        with delayed_signals():
            for chunk_process in self._running:
                chunk_process.process.kill()
            for chunk_process in self._running:
                chunk_process.resources.close()
            self._running.clear()
            self._waiting.clear()

    def submit(self, chunks: Iterable[Chunk]) -> None:
        """Take chunks; as many processes as there may be begin."""
        self._waiting.extend(chunks)
        self._fill()

    def advance(self) -> list[Outcome]:
        """Return what was said meanwhile; others begin in the place of processes that ended."""
        outcomes: list[Outcome] = []
        for chunk_process in self._read(0.0) if self._running else ():
            outcomes += self._finish(chunk_process, "")
        return outcomes

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what is said of each text, as it comes, until nothing is left to check."""
        for chunk_process in self._running:
            # Nobody has looked at them since they began.
            chunk_process.deadline = time.monotonic() + _seconds(chunk_process.chunk, self._limits)
        while self._running:
            for chunk_process, problem in self._wait().items():
                yield from self._finish(chunk_process, problem)

    def _finish(self, chunk_process: _ChunkProcess, problem: str) -> list[Outcome]:
        outcomes = self._settle(chunk_process, problem)
        self._end(chunk_process)
        self._fill()
        return outcomes

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._jobs:
            self._begin(self._waiting.popleft())

    def _begin(self, chunk: Chunk) -> _ChunkProcess:
        with delayed_signals():
            chunk_process = _start(chunk, self._limits)
            self._running.append(chunk_process)
        return chunk_process

    def _end(self, chunk_process: _ChunkProcess) -> None:
        chunk_process.resources.close()
        self._running.remove(chunk_process)

    def _wait(self) -> Mapping[_ChunkProcess, str]:
        """Wait a moment; return the processes that ended or had their time, and what is wrong."""
        deadline = min(chunk_process.deadline for chunk_process in self._running)
        ended = self._read(max(0.0, min(_POLL, deadline - time.monotonic())))
        problems = dict.fromkeys(ended, "")
        now = time.monotonic()
        for chunk_process in self._running:
            if now >= chunk_process.deadline:
                seconds = _seconds(chunk_process.chunk, self._limits)
                problems.setdefault(chunk_process, f"did not finish within {seconds:g} seconds")
        return problems

    def _read(self, seconds: float) -> list[_ChunkProcess]:
        """Wait so long for output, and read it; return the processes that have ended theirs."""
        with selectors.DefaultSelector() as pipes:
            for chunk_process in self._running:
                assert chunk_process.process.stdout is not None
                pipes.register(chunk_process.process.stdout, selectors.EVENT_READ, chunk_process)
            ready = pipes.select(seconds)
        ended = []
        for key, _ in ready:
            output = os.read(key.fd, _READ_SIZE)
            key.data.output += output
            if not output:
                ended.append(key.data)
        return ended

    def _settle(self, chunk_process: _ChunkProcess, problem: str) -> list[Outcome]:
        """Return what a process said; where it failed, submit its halves, or say why."""
        linter, texts = chunk_process.chunk.linter, chunk_process.chunk.texts
        if not problem:
            try:
                answers = read_messages(bytes(chunk_process.output), len(texts))
                _refuse_failure(chunk_process.process)
            except ValueError:
                problem = f"failed: {_describe_end(chunk_process)}"
                self._refuse_broken(linter, problem)
            else:
                self._working.add(linter)
                rows = zip(texts, answers, strict=True)
                return [Outcome(linter, text, messages) for text, messages in rows]
        if len(texts) > 1:
            self._waiting.extend(chunk_process.chunk.halves())
            return []
        return [
            Outcome(linter, texts[0], (linter.unread_message(problem, "error"),), is_checked=False)
        ]

    def _refuse_broken(self, linter: Linter, problem: str) -> None:
        """Raise the problem where the linter can check nothing at all."""
        if linter in self._working:
            return
        sample = self._begin(Chunk(linter, (linter.sample,)))
        try:
            output, _ = sample.process.communicate(timeout=self._limits.chunk)
            read_messages(output, 1)
            _refuse_failure(sample.process)
        except (subprocess.TimeoutExpired, ValueError):
            raise linter.failure(problem.removeprefix("failed: ")) from None
        self._end(sample)
        self._working.add(linter)


def _seconds(chunk: Chunk, limits: LinterLimits) -> float:
    return limits.chunk if len(chunk.texts) > 1 else limits.text


def _refuse_failure(process: subprocess.Popen[bytes]) -> None:
    """Raise ValueError where a linter ended with a failure, though what it printed can be read.

    shellcheck says nothing of a file that it could not open, and all of the others.
    """
    with suppress(subprocess.TimeoutExpired):  # it may live on though it has closed its output
        process.wait(_END_SECONDS)
    if process.poll() not in (None, *_ENDS):
        raise ValueError("it failed")


def _describe_end(chunk_process: _ChunkProcess) -> str:
    with suppress(subprocess.TimeoutExpired):  # it may live on though it has closed its output
        chunk_process.process.wait(_END_SECONDS)
    code = chunk_process.process.poll() or 0
    return f"signal {-code}" if code < 0 else last_line(chunk_process.errors.read_bytes())


def _start(chunk: Chunk, limits: LinterLimits) -> _ChunkProcess:
    """Write texts to a folder, by their numbers, and start the linter there."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        for name, content in (*chunk.linter.settings, *enumerate(chunk.texts)):
            (folder / str(name)).write_bytes(content)
        process = stack.enter_context(_open_process(chunk, folder))
        stack.callback(process.kill)
        # Where this process is killed, nobody is left to look at the clock. Not each system can.
        with suppress(AttributeError, OSError, ValueError):
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (int(limits.text) + 1,) * 2)
        resources = stack.pop_all()
    deadline = time.monotonic() + _seconds(chunk, limits)
    return _ChunkProcess(chunk, process, folder / _ERRORS, deadline, resources)


def _open_process(chunk: Chunk, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / _ERRORS).open("wb") as errors:
        try:
            return subprocess.Popen(
                chunk.linter.words([str(number) for number in range(len(chunk.texts))]),
                cwd=folder,
                env=chunk.linter.environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        except OSError as error:
            problem = f"{chunk.linter.name} cannot be started: {error.strerror}"
            raise DistgenError(problem) from error
