"""Read Dockerfiles with BuildKit's parser, which is a library of Go."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import cache
from signal import SIG_BLOCK, pthread_sigmask
from threading import current_thread, main_thread
from typing import Any

import dockerfile  # type: ignore[import-not-found]

from distgen.dockerfile.references import ReferenceKeeper

Command = Any
"""What the library makes of an instruction."""
ParseError: type[Exception] = dockerfile.GoParseError


def parse_string(text: str) -> Sequence[Command]:
    """Return the instructions of a Dockerfile; raise ParseError where it cannot be read.

    A signal that came meanwhile is heard at the end.
    """
    # Only the main thread hears signals. Two threads could leave the collector off for good.
    is_collecting = current_thread() is main_thread() and gc.isenabled()
    if is_collecting:
        gc.disable()  # a collection, from Python 3.12 on, would drop what a signal had raised
    try:
        commands: Sequence[Command] = dockerfile.parse_string(text)
    except ParseError:
        _hear_signals()
        raise
    except SystemError as error:
        # The library goes on after a signal has interrupted it, with one error for each step.
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, KeyboardInterrupt):
            cause = cause.__cause__
        if cause is None:
            raise
    else:
        _keeper().give_back(commands)
        _hear_signals()
        return commands
    finally:
        if is_collecting:
            gc.enable()
    raise KeyboardInterrupt


def _hear_signals() -> None:
    """Let a signal be heard that a thread of the library was given.

    Before Python 3.13 the main thread went on without it, until it waited for something or looked.
    """
    pthread_sigmask(SIG_BLOCK, ())  # blocks none, and looks


@cache
def _keeper() -> ReferenceKeeper:
    return ReferenceKeeper(dockerfile.parse_string)
