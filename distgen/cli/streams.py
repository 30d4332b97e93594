"""Speak to whoever still listens; a reader that has gone away disturbs nobody."""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

import click

from distgen.errors import DistgenError

_STDERR = 2
_SPELLED = str.maketrans({"└": "`", "├": "|", "─": "-", "│": "|"})


def open_closed_streams() -> None:
    """Open what of stdin, stdout and stderr is closed, lest another file gets its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def spell_unwritable_characters() -> None:
    """Let stdout write what its encoding lacks in ASCII, as JSON does, instead of failing.

    A terminal of ISO-8859-1 has no lines to draw a graph with.
    """
    codecs.register_error("distgen.spell", _spell)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="distgen.spell")


def _spell(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return json.dumps(text.translate(_SPELLED))[1:-1], error.end


def narrate(text: str, color: bool | None = None) -> None:
    """Say something on stderr; words that nobody can hear are not worth a run."""
    try:
        click.echo(text, err=True, color=color)
    except OSError:
        sys.stderr = _nowhere()


class IgnoreBrokenPipe:
    """A stream that passes over what cannot be written, as to a terminal that was closed."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the text if that is possible."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is held back if that is possible."""
        with suppress(OSError):
            self._stream.flush()


@contextmanager
def ignore_broken_pipe() -> Iterator[None]:
    """Let what reads stdout leave when it has seen enough, as `head` does, or a terminal close."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.EIO) and not error.filename and _is_left():
            sys.stdout = _nowhere()
        elif error.errno == errno.EPIPE:
            # click takes every broken pipe for a reader that left, and ends without a word.
            raise DistgenError("a program ended while distgen was writing to it") from error
        else:
            raise


def _is_left() -> bool:
    """Say whether the reader of stdout has gone: pipes to other programs break, too."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # a test reads what is printed
        return True
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))


def _nowhere() -> IO[str]:
    # Else Python tries again at its end, complains, and makes that the exit code.
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123


def stdout_is_terminal() -> bool:
    """Tell whether what is printed is read on a terminal."""
    return sys.stdout.isatty()
