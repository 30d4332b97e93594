"""`distgen format`: overlays in one order and style."""

from __future__ import annotations

from pathlib import Path

import click

from distgen.cli.session import Session, format_option
from distgen.formatting.overlays import (
    choose_overlays,
    format_overlays,
    list_overlays,
    write_overlay,
)
from distgen.formatting.report import report_diff, report_json, summarize


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file would change.")
@click.option("--diff", "with_diff", is_flag=True, help="As --check, and show what would change.")
@format_option("text", "json")
@click.pass_context
def command(
    ctx: click.Context, paths: tuple[Path, ...], *, check: bool, with_diff: bool, form: str
) -> None:
    """Put overlays into one order and style; what they say, and comments, stay.

    PATH is an overlay, or a folder of them; none means all. Keys stand in the order of the schema
    where their order means nothing. The files that changed are listed. A file that would mean
    something else afterwards is named and left.

    Exit codes: 0 done or nothing to do, 1 a file would change or was left, 2 one cannot be read.
    """
    session: Session = ctx.obj
    root = session.root.absolute()
    chosen = choose_overlays(root, paths) if paths else list_overlays(root)
    is_written = not (check or with_diff)
    files = []
    for file in format_overlays(root, chosen):
        files.append(write_overlay(root, file) if is_written else file)
        if file.problem or files[-1].problem:
            session.say(f"distgen: {files[-1].problem}", level=-1)
    if form == "json":
        click.echo(report_json(files, is_written))
    elif with_diff:
        click.echo(report_diff(files), nl=False)
    else:
        for file in files:
            if file.is_changed:
                click.echo(file.path)
    session.say(summarize(files, is_written))
    would_change = not is_written and any(file.is_changed for file in files)
    codes = [file.problem.exit_code for file in files if file.problem]
    ctx.exit(max([*codes, int(would_change)]))
