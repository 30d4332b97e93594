"""Write what differs for a terminal, a pipe or a file, in colour where that is wanted."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence

import click

from distgen.cli.pager import find_pager, show_paged
from distgen.cli.paint import paint_diff
from distgen.cli.session import Session
from distgen.cli.streams import stdout_is_terminal
from distgen.compare.text_report import TextBlock
from distgen.text.visible import visible

_COLORS = {"heading": "yellow", "warning": "red"}
_PLAIN = "note"


def paint(blocks: Iterable[TextBlock], *, to_file: bool = False, cut: bool = False) -> str:
    """Return the text of blocks; on a terminal in colour, and no sentence ends within a word.

    `cut` keeps each line but the sum on one row there.
    """
    on_terminal = stdout_is_terminal() and not to_file
    width = shutil.get_terminal_size().columns if on_terminal else 0
    lines: list[str] = []
    for block in blocks:
        if block.kind == "diff":
            lines += paint_diff(block.lines) if on_terminal or is_colored() else block.lines
            continue
        for line in block.lines:
            for row in fit(visible(line), width, cut=cut and block.kind != "sum"):
                is_plain = block.kind == _PLAIN
                lines.append(
                    row if is_plain else click.style(row, bold=True, fg=_COLORS.get(block.kind))
                )
    return "".join(f"{line}\n" for line in lines)


def fit(line: str, width: int, *, cut: bool) -> Sequence[str]:
    """Return the rows of a line on a terminal of some width, 0 for none."""
    if not 0 < width < len(line):
        return (line,)
    if cut:
        return (f"{line[: width - 1]}\u2026",)
    indent = line[: len(line) - len(line.lstrip())]
    wrapper = textwrap.TextWrapper(
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.wrap(line.strip()) or (line,)


def print_text(session: Session, text: str, *, paged: bool) -> None:
    """Print a text, through git's pager on a terminal."""
    pager = find_pager(session.environ, session.root) if paged else ""
    paged_text = text if is_colored() else click.unstyle(text)
    if not pager or not show_paged(paged_text, pager, session.environ):
        click.echo(text, nl=False)


def is_colored() -> bool:
    """Tell whether what is printed is to have colours."""
    color = click.get_current_context().color
    return stdout_is_terminal() if color is None else color
