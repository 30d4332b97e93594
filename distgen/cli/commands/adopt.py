"""`distgen adopt`: take downstream edits over into the overlays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from distgen.adopt.patches import FATES, Adopted, Fate
from distgen.adopt.report import report
from distgen.adopt.run import Request, adopt
from distgen.cli.commands.list import texts
from distgen.cli.remote_options import RemoteOptions, remote_options
from distgen.cli.session import Choice, Session, format_option, image_arguments
from distgen.cli.source_options import SourceOptions, load_catalogue
from distgen.cli.tokens import add_tokens
from distgen.errors import printable
from distgen.output.files import add_file

COLORS: dict[Fate, str] = {"adopted": "green", "refused": "red", "failed": "red"}


@click.command()
@image_arguments
@format_option("text", "json")
@click.option("--dry-run", is_flag=True, help="Print what would be written; write nothing.")
@remote_options
@click.pass_context
def command(
    ctx: click.Context, /, choice: Choice, form: str, dry_run: bool, reach: RemoteOptions
) -> None:
    """Turn downstream edits into patches in the overlays, so that publishing carries them.

    A patch keeps the author and the message of its commit. Nothing in an overlay is replaced.
    """
    session: Session = ctx.obj
    speculation, lock = load_catalogue(session, (), SourceOptions())
    catalogue = speculation.catalogue
    images = choice.of(catalogue)
    git = add_tokens(session, reach.git(session), catalogue, images)
    request = Request(catalogue, lock, images, reach.jobs)
    found = tuple(adopt(git, request, reach.folder(session)))
    if not dry_run:
        write(session.root, found)
    if form == "json":
        click.echo(report(found))
    elif shown := [one for one in found if session.verbosity > 0 or one.status != "unchanged"]:
        click.echo(as_text(shown))
    tell(session, found, dry_run)
    ctx.exit(int(any(one.status in ("refused", "failed") for one in found)))


def write(root: Path, found: Iterable[Adopted]) -> None:
    """Write the files that carry the edits, each once."""
    files = {file.source: file for one in found for file in one.files}
    for source, file in files.items():
        add_file(root / source, file.content, file.executable)


def as_text(found: Sequence[Adopted]) -> str:
    """Return one line for each branch, or for each file; refused edits follow theirs."""
    rows, below = [], []
    for one in found:
        details = [file.source for file in one.files] or [one.detail]
        for detail in details:
            rows.append((one.status, one.image.key, printable(detail)))
            below.append([] if one.status != "refused" or detail != details[-1] else diffs(one))
    text = []
    for row, line, more in zip(rows, texts(rows), below, strict=True):
        status = row[0]
        text += [click.style(status, fg=COLORS.get(status)) + line[len(status) :], *more]
    return "\n".join(text)


def diffs(one: Adopted) -> list[str]:
    """Return the edits as lines that stand below the others."""
    return [f"    {printable(part)}" for edit in one.edits for part in edit.diff.splitlines()]


def tell(session: Session, found: Sequence[Adopted], dry_run: bool) -> None:
    """Narrate who else is reached, and what came of it all."""
    touched = {one.image.full_name: one.touches for one in found if one.touches}
    for name, touches in touched.items():
        session.say(f"{', '.join(touches)} extend {name} and change, too")
    counts = Counter(one.status for one in found)
    summary = ", ".join(f"{counts[fate]} {fate}" for fate in FATES if counts[fate])
    session.say(("it would be: " if dry_run else "") + (summary or "no images"))
