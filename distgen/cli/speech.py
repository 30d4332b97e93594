"""Speak to whoever still listens; a reader that has gone away disturbs nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import click

_STDERR = 2


def complete() -> None:
    """Open what of stdin, stdout and stderr is closed, lest another file gets its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def narrate(text: str, color: bool | None = None) -> None:
    """Say something on stderr; words that nobody can hear are not worth a run."""
    try:
        click.echo(text, err=True, color=color)
    except OSError:
        sys.stderr = _nowhere()


@contextmanager
def heard() -> Iterator[None]:
    """Let what reads stdout leave when it has seen enough, as `head` does."""
    try:
        yield
    except BrokenPipeError:
        sys.stdout = _nowhere()


def _nowhere() -> IO[str]:
    # Else Python tries again at its end, complains, and makes that the exit code.
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123
