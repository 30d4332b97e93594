"""What an automated job gets of a run: a line for each step, the results, and an orderly end."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import IO

import click

from distgen.cli.option_groups import Command, option_group
from distgen.cli.streams import ignore_broken_pipe
from distgen.errors import DistgenError
from distgen.git.run import Git
from distgen.output.files import is_stream, replace_file

_STDOUT = Path("-")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ENDING = b"distgen: finishing what is being pushed; once more to leave it unfinished\n"


@dataclass(frozen=True)
class EventFiles:
    """The files that a job wants of a run."""

    events: Path | None = None
    results: Path | None = None


_FILE = click.Path(path_type=Path, dir_okay=False)


def event_options_of(schema: str) -> Callable[[Command], Command]:
    """Add --events and --results; the command gets them as one `event_files`.

    `schema` describes a line of the events.
    """
    return option_group(
        EventFiles,
        "event_files",
        click.option(
            "--events",
            metavar="FILE",
            type=_FILE,
            help=f"Write a line of JSON for each step (`distgen schema {schema}`), at once;"
            " - is stdout.",
        ),
        click.option(
            "--results",
            metavar="FILE",
            type=_FILE,
            help="Write the results as JSON in the end, whole or not at all; - is stdout.",
        ),
    )


event_options = event_options_of("events")
"""Add --events and --results; the command gets them as one `event_files`."""


@dataclass
class Events:
    """The file of --events; what cannot be written to it never disturbs the run."""

    path: Path | None = None
    trouble: str = ""
    _file: IO[str] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, step: str, about: Mapping[str, object]) -> None:
        """Write one step down; any thread may."""
        if self._file is None:
            return
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"time": now, "event": step, **about})
        with self._lock:
            if self.trouble:
                return
            try:
                self._file.write(f"{line}\n")
                self._file.flush()
            except OSError as error:
                self.trouble = f"{self.path}: {error.strerror}; the events are not complete"


@contextmanager
def open_events(path: Path | None) -> Iterator[Events]:
    """Open the file of --events for as long as the run lasts."""
    events = Events(path)
    if path is None:
        yield events
        return
    try:
        file = _open(path)
    except OSError as error:
        raise DistgenError(f"cannot be written: {error.strerror}", where=path) from None
    events._file = file
    try:
        yield events
    finally:
        try:
            file.close()
        except OSError as error:
            events.trouble = f"{path}: {error.strerror}; the events are not complete"


def _open(path: Path) -> IO[str]:
    if path == _STDOUT:
        return os.fdopen(os.dup(1), "w", encoding="utf-8")
    return path.open("a" if is_stream(path) else "w", encoding="utf-8")


def write_results(path: Path | None, text: str, content: str = "results") -> str:
    """Write the results to a file, whole or not at all; return what kept them from it.

    `content` is what else the text is.
    """
    if path is None:
        return ""
    if path == _STDOUT:
        with ignore_broken_pipe():
            click.echo(text)
        return ""
    try:
        replace_file(path, f"{text}\n")
    except DistgenError as error:
        return f"{path}: {error.problem}; the {content} are not in it"
    return ""


@contextmanager
def graceful_signals(git: Git, ending: bytes = _ENDING) -> Iterator[None]:
    """Let the first ^C, SIGTERM or SIGHUP only stop the run, and the second leave it at once.

    `ending` is said at the first.
    """

    def ask(number: int, frame: FrameType | None) -> None:
        if git.stop.is_set():
            git.abandon.set()
            raise KeyboardInterrupt
        git.stop.set()
        with suppress(OSError):  # what read stderr may have got the same ^C
            os.write(2, ending)

    # What is ignored stays so: a job in the background, or one that nohup keeps from a hangup.
    heeded = (
        signal_number
        for signal_number in _SIGNALS
        if signal.getsignal(signal_number) is not signal.SIG_IGN
    )
    previous = {number: signal.signal(number, ask) for number in heeded}
    try:
        yield
    except DistgenError:
        if git.stop.is_set():
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
