"""Write what differs for a terminal, a pipe or a file, in colour where that is wanted."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

import click

from distgen.cli.pager import find_pager, show_paged
from distgen.cli.paint import paint_diff
from distgen.cli.session import Session
from distgen.cli.streams import stdout_is_terminal
from distgen.compare.text_report import TextBlock
from distgen.text.visible import visible

_COLORS = {"heading": "yellow", "warning": "red"}
_PLAIN = "note"


def paint(blocks: Iterable[TextBlock], *, cut: bool = False) -> str:
    """Return the text of blocks, painted for a terminal; `cut` keeps each line on one row there."""
    on_terminal = stdout_is_terminal()
    width = shutil.get_terminal_size().columns if cut and on_terminal else 0
    lines: list[str] = []
    for block in blocks:
        if block.kind == "diff":
            lines += paint_diff(block.lines) if on_terminal or is_colored() else block.lines
            continue
        for line in block.lines:
            shown = visible(line)
            shown = f"{shown[: width - 1]}\u2026" if 0 < width < len(shown) else shown
            is_plain = block.kind == _PLAIN
            lines.append(
                shown if is_plain else click.style(shown, bold=True, fg=_COLORS.get(block.kind))
            )
    return "".join(f"{line}\n" for line in lines)


def print_text(session: Session, text: str, *, paged: bool) -> None:
    """Print a text, through git's pager on a terminal."""
    pager = find_pager(session.environ, session.root) if paged else ""
    shown = text if is_colored() else click.unstyle(text)
    if not pager or not show_paged(shown, pager, session.environ):
        click.echo(text, nl=False)


def is_colored() -> bool:
    """Tell whether what is printed is to have colours."""
    color = click.get_current_context().color
    return stdout_is_terminal() if color is None else color
