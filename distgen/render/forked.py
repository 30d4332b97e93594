"""Fork this process, and end what was forked: it has all that this one has read already."""

from __future__ import annotations

import os
import re
import signal
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from distgen.errors import DistgenError
from distgen.model.catalogue import RenderLimits

# From 3.12 on Python warns of threads; the new process takes no lock that one of them may hold.
# Warnings are never caught around a single call: that is for all threads, and undoes the filters
# of a library that another one imports meanwhile.
warnings.filterwarnings("ignore", category=DeprecationWarning, module=re.escape(__name__))


@dataclass(frozen=True, slots=True)
class ForkedProcess:
    """A process that was forked, and the ends of its pipes that are here."""

    pid: int
    questions: int
    answers: int


def fork_process(answer: Callable[[int, int], NoReturn]) -> ForkedProcess:
    """Fork; the new process calls `answer` with its ends of the pipes, and never returns."""
    pipes: list[int] = []
    try:
        pipes += os.pipe()
        pipes += os.pipe()
        pid = os.fork()
    except OSError as error:
        for pipe in pipes:
            os.close(pipe)
        problem = f"no process can be started to render in: {error.strerror}"
        raise DistgenError(problem, hint="use fewer --jobs, or raise `ulimit`") from None
    if pid == 0:
        answer(pipes[0], pipes[3])
    os.close(pipes[0])
    os.close(pipes[3])
    return ForkedProcess(pid, pipes[1], pipes[2])


def end_process(process: ForkedProcess) -> int:
    """End a process; return the signal that had ended it before, 0 for none."""
    ended_by = 0
    for pipe in (process.questions, process.answers):
        with suppress(OSError):
            os.close(pipe)
    with suppress(OSError):
        os.kill(process.pid, signal.SIGKILL)
        _, status = os.waitpid(process.pid, 0)
        ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return ended_by


def end_problem(limits: RenderLimits, ended_by: int) -> str:
    """Return what is wrong with a template where a signal ended the process that rendered it."""
    if ended_by == signal.SIGXCPU:
        return f"takes more than {limits.seconds:g} seconds of processor time"
    return "ends the process that renders it"
