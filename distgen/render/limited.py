"""Render in a process of its own, which the kernel ends where it uses too much.

A template can call itself, double a text or search with a slow expression, and what runs in the
interpreter cannot always be ended from within. The process is forked at the first image, so that it
has the catalogue already; questions and answers go through pipes as plain bytes.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import warnings
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from distgen.errors import DistgenError, InputError
from distgen.model.catalogue import Catalogue, Image, RenderLimits
from distgen.model.lock import Lock
from distgen.model.rendered import PrintedText, Tree
from distgen.render.answers import (
    PREFIX,
    Question,
    decode_origins,
    decode_paths,
    decode_printed,
    decode_tree,
    encode_question,
    read_prefix,
)
from distgen.render.errors import limit_error
from distgen.render.limited_process import answer_questions
from distgen.render.linemap import Origins
from distgen.render.renderer import Renderer

_POLL = 0.2  # seconds between two checks whether the run was interrupted
_CHUNK = 1 << 18
_INTERRUPTED = "the run was interrupted"


@dataclass(frozen=True, slots=True)
class _Process:
    """A process that renders these images; `questions` and `answers` are its pipes."""

    pid: int
    questions: int
    answers: int
    images: Mapping[str, Image]


class LimitedRenderer:
    """Renders as `Renderer` does, within the limits of the catalogue; threads may share it.

    An image that needs too much is an InputError, and the next one is rendered all the same. Once
    `stop` is set no image is waited for.
    """

    def __init__(
        self, catalogue: Catalogue, lock: Lock, stop: threading.Event | None = None
    ) -> None:
        self._renderer = Renderer(catalogue, lock)
        self._limits = catalogue.limits
        self._images = {image.key: image for image in catalogue.images}
        self._stop = stop
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._finalizer: weakref.finalize[..., LimitedRenderer] | None = None

    def tree(self, image: Image) -> Tree:
        """Return the files of an image."""
        return decode_tree(*self._ask(image, Question("tree", image.key)))

    def line_map(self, image: Image, path: str) -> Origins:
        """Return for each line of a rendered file where it came from."""
        return decode_origins(self._ask(image, Question("line_map", image.key, path))[0])

    def printed(self, image: Image, path: str) -> PrintedText:
        """Return what the expressions of a file print."""
        return decode_printed(self._ask(image, Question("printed", image.key, path))[0])

    def input_files(self, image: Image) -> tuple[str, ...]:
        """Return the paths of the files that an image is rendered from."""
        return decode_paths(self._ask(image, Question("input_files", image.key))[0])

    def _ask(self, image: Image, question: Question) -> tuple[bytes, bytes]:
        with self._lock:
            process, is_complete = self._started(image), False
            try:
                answer = self._exchange(process, encode_question(question))
                is_complete = True
            except (EOFError, BrokenPipeError):
                raise _end_error(image, self._limits, self._end()) from None
            finally:
                # What is still to come would be taken for the answer to the next question.
                if not is_complete:
                    self._end()
        return answer

    def _exchange(self, process: _Process, question: bytes) -> tuple[bytes, bytes]:
        os.write(process.questions, question)
        answer = self._read(process, PREFIX)
        header, contents = read_prefix(answer)
        answer += self._read(process, PREFIX + header + contents - len(answer))
        return answer[PREFIX : PREFIX + header], answer[PREFIX + header :]

    def _started(self, image: Image) -> _Process:
        """Return a process that knows this very image."""
        process = self._process
        if process is not None and process.images.get(image.key) is image:
            return process
        self._end()
        images = self._images
        if images.get(image.key) is not image:
            images = {**images, image.key: image}
        self._process = _start(self._renderer, images, self._limits)
        self._finalizer = weakref.finalize(self, _kill, self._process)
        return self._process

    def _end(self) -> int:
        """End the process; return the signal that it ended by before, 0 for none."""
        finalizer, self._process, self._finalizer = self._finalizer, None, None
        return (finalizer() if finalizer else None) or 0

    def _read(self, process: _Process, least: int) -> bytes:
        """Return the next `least` bytes of an answer, or more of the same one."""
        content = bytearray()
        while len(content) < least:
            while self._stop is not None and not select.select([process.answers], [], [], _POLL)[0]:
                if self._stop.is_set():
                    raise DistgenError(_INTERRUPTED)
            chunk = os.read(process.answers, _CHUNK)
            if not chunk:
                raise EOFError
            content += chunk
        return bytes(content)


def _start(renderer: Renderer, images: Mapping[str, Image], limits: RenderLimits) -> _Process:
    pipes: list[int] = []
    try:
        pipes += os.pipe()
        pipes += os.pipe()
        with warnings.catch_warnings():
            # Python warns of threads; the new process takes no lock that one of them may hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
    except OSError as error:
        for pipe in pipes:
            os.close(pipe)
        problem = f"no process can be started to render in: {error.strerror}"
        raise DistgenError(problem, hint="use fewer --jobs, or raise `ulimit`") from None
    if pid == 0:
        answer_questions(renderer, images, limits, (pipes[0], pipes[3]))
    os.close(pipes[0])
    os.close(pipes[3])
    return _Process(pid, pipes[1], pipes[2], images)


def _kill(process: _Process) -> int:
    """End a process; return the signal that had ended it before, 0 for none."""
    ended = 0
    for pipe in (process.questions, process.answers):
        with suppress(OSError):
            os.close(pipe)
    with suppress(OSError):
        os.kill(process.pid, signal.SIGKILL)
        _, status = os.waitpid(process.pid, 0)
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return ended


def _end_error(image: Image, limits: RenderLimits, ended_by: int) -> InputError:
    if ended_by == signal.SIGXCPU:
        return limit_error(f"takes more than {limits.seconds:g} seconds of processor time", image)
    return limit_error("ends the process that renders it", image)
