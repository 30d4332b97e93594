"""Answer, in a forked process, what images give, within limits of processor time and memory."""

from __future__ import annotations

import fcntl
import gc
import math
import os
import resource
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from distgen.errors import DistgenError
from distgen.model.catalogue import Image, RenderLimits
from distgen.render.answers import (
    RenderQuestion,
    decode_question,
    encode_annotations,
    encode_error,
    encode_origins,
    encode_paths,
    encode_printed,
    encode_tree,
)
from distgen.render.errors import OutOfTime, limit_error, limit_problem
from distgen.render.renderer import Renderer

_TICK = 0.25  # seconds of processor time between two looks at the limit
_GRACE = 2  # seconds in which the interpreter may end a template itself, with its line
_FIRST_PIPE = 3
_MOST_PIPES = 1 << 20
_DATA = 5  # the column of /proc/self/statm that holds the pages of data


def answer_questions(
    renderer: Renderer,
    images: Mapping[str, Image],
    limits: RenderLimits,
    questions: int,
    answers: int,
) -> NoReturn:
    """Answer until the questions end; both are pipes."""
    try:
        let_go(questions, answers)
        gc.freeze()  # the collector would write to, and so copy, every page of the parent
        gc.enable()  # the main thread may have been in the middle of something without it
        clock = Clock(limits)
        with os.fdopen(questions, "rb") as lines:
            for line in lines:
                question = decode_question(line)
                clock.start()
                # Of the other pipe, the signal for this very question may come only now.
                with ending_with_the_parent(answers):
                    answer = _answer(renderer, images[question.image], question)
                clock.stop()
                write_answer(answers, answer)
    finally:
        # Nothing of the parent may be flushed, closed or told a second time.
        os._exit(0)


def _answer(renderer: Renderer, image: Image, question: RenderQuestion) -> bytes:
    try:
        if question.method == "tree":
            return encode_tree(renderer.tree(image))
        if question.method == "printed":
            return encode_printed(renderer.printed_text(image, question.path))
        if question.method == "annotate":
            return encode_annotations(renderer.annotate(image, question.path))
        if question.method == "input_files":
            return encode_paths(renderer.input_files(image))
        return encode_origins(renderer.line_map(image, question.path))
    except DistgenError as error:
        return encode_error(error)
    except (OutOfTime, MemoryError) as error:
        problem = limit_problem(error)
    return encode_error(limit_error(problem, image))


@contextmanager
def ending_with_the_parent(pipe: int) -> Iterator[None]:
    """Let the kernel end this process when the one that asks is gone, which closes its pipe.

    The pipe must be one that nobody writes to or reads from meanwhile: that is a signal, too.
    """
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(pipe, fcntl.F_GETFL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, flags | os.O_ASYNC)
    try:
        yield
    finally:
        fcntl.fcntl(pipe, fcntl.F_SETFL, flags)


class Clock:
    """Ends a rendering by an exception where the interpreter can, for that names the line."""

    def __init__(self, limits: RenderLimits) -> None:
        self._limits = limits
        self._seconds = limits.seconds
        self._next_raise = 0.0
        self._deadline = math.inf
        signal.signal(signal.SIGPROF, self._tick)
        signal.setitimer(signal.ITIMER_PROF, _TICK, _TICK)

    def start(self) -> None:
        now = time.process_time()
        self._deadline = now + self._seconds
        # The grace covers what this leaves out, and most images take a thousandth of it.
        if now >= self._next_raise:
            _raise_limits(self._limits)
            self._next_raise = now + _GRACE / 4

    def stop(self) -> None:
        self._deadline = math.inf

    def _tick(self, number: int, frame: FrameType | None) -> None:
        if time.process_time() >= self._deadline:
            self._deadline = math.inf
            raise OutOfTime(f"takes more than {self._seconds:g} seconds of processor time")


def _raise_limits(limits: RenderLimits) -> None:
    """Set the limits of the kernel for the next image, from what is used up to now."""
    with suppress(OSError, ValueError):
        seconds = math.ceil(time.process_time() + limits.seconds) + _GRACE
        _set_limit(resource.RLIMIT_CPU, seconds)
        with open("/proc/self/statm", "rb", buffering=0) as statm:  # noqa: PTH123
            pages = int(statm.read(200).split()[_DATA])
        _set_limit(resource.RLIMIT_DATA, pages * resource.getpagesize() + limits.memory)


def _set_limit(kind: int, amount: int) -> None:
    hard = resource.getrlimit(kind)[1]
    soft = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    resource.setrlimit(kind, (soft, hard))


def let_go(*pipes: int) -> None:
    """Close all that the parent has open, and leave signals to it: it ends this process."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for fatal in (signal.SIGTERM, signal.SIGXCPU, signal.SIGIO):
        signal.signal(fatal, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(_FIRST_PIPE):
        os.dup2(null, standard)
    start = _FIRST_PIPE
    for pipe in sorted(pipes):
        os.closerange(start, pipe)
        start = pipe + 1
    os.closerange(start, min(os.sysconf("SC_OPEN_MAX"), _MOST_PIPES))


def write_answer(pipe: int, answer: bytes) -> None:
    rest = memoryview(answer)
    while rest:
        rest = rest[os.write(pipe, rest) :]
