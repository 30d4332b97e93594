"""Show on a terminal how far a command is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, cast

from distgen.cli.session import Session
from distgen.cli.streams import IgnoreBrokenPipe

Advance = Callable[[int, int, str], None]
"""Takes how much is done, how much there is, and what was done last."""


@contextmanager
def progress_bar(session: Session, doing: str) -> Iterator[Advance]:
    """Yield a function that shows how far a command is, where somebody looks at a terminal."""
    if not session.live:
        yield lambda done, total, last: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    stream = cast("IO[str]", IgnoreBrokenPipe(sys.stderr))
    console = Console(file=stream, no_color=session.color is False)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total, last: progress.update(
            task, completed=done, total=total, description=last
        )
