"""Ask a process that renders apart, and end it when it takes too long or says too much."""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from distgen.errors import DistgenError
from distgen.git.processes import start_process
from distgen.git.run import INTERRUPTED
from distgen.verify.protocol import MAX_ANSWER, BadAnswer, encode

Answer = TypeVar("Answer")
_CHUNK = 4096  # bytes; a pipe that is ready takes as many at once
_POLL = 0.2  # seconds between two checks whether the run was interrupted


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """What runs `answer_questions` on its standard input and output; an answer takes `seconds`."""

    words: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    seconds: float = 300


class WorkerFailure(Exception):
    """The process gave no answer, and gives no other."""


class WorkerProcess:
    """A process that answers questions about one state of the catalogue."""

    def __init__(self, command: WorkerCommand, stop: threading.Event) -> None:
        self._seconds = command.seconds
        self._stop = stop
        self._process = start_process(command.words, command.environ, subprocess.DEVNULL)

    def ask(self, question: Mapping[str, Any], decode: Callable[[bytes], Answer]) -> Answer:
        """Return what `decode` makes of the answer; raise WorkerFailure where there is none."""
        try:
            return decode(self._exchange(encode(question)))
        except OSError:
            raise WorkerFailure("the process that renders it ended") from None
        except BadAnswer as reason:
            problem = "the process that renders it gives no valid answer"
            raise WorkerFailure(f"{problem}: {reason}") from None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _exchange(self, question: bytes) -> bytes:
        """Send a line and return the next one, both within the time that an answer may take.

        A process that read nothing, or that ended no line, would otherwise be waited for forever.
        """
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None
        assert answers is not None
        deadline = time.monotonic() + self._seconds
        answer, unsent = bytearray(), memoryview(question)
        with selectors.DefaultSelector() as pipes:
            pipes.register(questions, selectors.EVENT_WRITE)
            pipes.register(answers, selectors.EVENT_READ)
            while not answer.endswith(b"\n"):
                for key, _ in pipes.select(_POLL):
                    if key.fileobj is answers:
                        answer += _read_chunk(key.fd, MAX_ANSWER - len(answer))
                        continue
                    unsent = unsent[os.write(key.fd, unsent[:_CHUNK]) :]
                    if not unsent:
                        pipes.unregister(questions)
                self._check_limits(deadline)
        return bytes(answer)

    def _check_limits(self, deadline: float) -> None:
        if self._stop.is_set():
            raise DistgenError(INTERRUPTED)
        if time.monotonic() >= deadline:
            raise WorkerFailure(f"it takes more than {self._seconds:g} seconds")


def _read_chunk(pipe: int, room: int) -> bytes:
    chunk = os.read(pipe, 1 << 16)
    if not chunk:
        raise BrokenPipeError
    if len(chunk) > room:
        raise BadAnswer(f"it has more than {MAX_ANSWER} bytes")
    return chunk
