"""Compute in a forked process what templates of other projects give, within limits.

Kolla's templates and TripleO's are rendered all at once while the catalogue is read, so each is
announced before it begins: the limits are for one template.
"""

from __future__ import annotations

import marshal
import os
from collections.abc import Callable
from typing import Any, NoReturn

from distgen.errors import DistgenError, InputError
from distgen.model.catalogue import RenderLimits
from distgen.render.answers import (
    PREFIX,
    announced_place,
    encode_announcement,
    encode_data,
    encode_error,
    raise_error,
    read_prefix,
)
from distgen.render.errors import LIMITS_HINT, OutOfTime, limit_problem
from distgen.render.forked import ForkedProcess, end_problem, end_process, fork_process
from distgen.render.limited_process import (
    Clock,
    ending_with_the_parent,
    let_go,
    write_answer,
)

Announce = Callable[[str], None]


def call_limited(limits: RenderLimits, compute: Callable[[Announce], Any]) -> Any:
    """Return the plain data that `compute` gives, which announces each template by its path.

    Raise InputError where one takes too much, and what `compute` raises of distgen's errors.
    """
    process = fork_process(lambda questions, answers: _answer(compute, limits, questions, answers))
    place, ended_by = "", 0
    try:
        while True:
            header, contents = read_answer(process)
            begun = announced_place(header)
            if begun is None:
                raise_error(header)
                return marshal.loads(contents)
            place = begun
    except EOFError:
        ended_by = end_process(process)
        raise InputError(end_problem(limits, ended_by), where=place, hint=LIMITS_HINT) from None
    finally:
        end_process(process)


def read_answer(process: ForkedProcess) -> tuple[bytes, bytes]:
    """Return the header and the contents of the next answer; raise EOFError where it ended."""
    header, contents = read_prefix(_read(process, PREFIX))
    return _read(process, header), _read(process, contents)


def _read(process: ForkedProcess, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        chunk = os.read(process.answers, size - len(content))
        if not chunk:
            raise EOFError
        content += chunk
    return bytes(content)


def _answer(
    compute: Callable[[Announce], Any], limits: RenderLimits, questions: int, answers: int
) -> NoReturn:
    place = ""

    def announce(path: str) -> None:
        nonlocal place
        place = path
        write_answer(answers, encode_announcement(path))
        clock.start()

    try:
        let_go(questions, answers)
        clock = Clock(limits)
        clock.start()
        with ending_with_the_parent(questions):
            answer = _compute(compute, announce, lambda: place)
            clock.stop()
        write_answer(answers, answer)
    finally:
        os._exit(0)


def _compute(
    compute: Callable[[Announce], Any], announce: Announce, place: Callable[[], str]
) -> bytes:
    try:
        return encode_data(marshal.dumps(compute(announce)))
    except DistgenError as error:
        return encode_error(error)
    except (OutOfTime, MemoryError) as error:
        problem = limit_problem(error)
    return encode_error(InputError(problem, where=place(), hint=LIMITS_HINT))
