"""`distgen adopt`: take downstream edits over into the overlays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from distgen.adopt.records import ADOPTION_STATUSES, Adoption, AdoptionStatus
from distgen.adopt.report import format_report
from distgen.adopt.run import AdoptRequest, adopt
from distgen.cli.remote_options import RemoteOptions, remote_options
from distgen.cli.results import diff_lines
from distgen.cli.session import Choice, Session, format_option, image_arguments
from distgen.cli.source_options import SourceOptions, load_catalogue
from distgen.cli.tables import align_texts
from distgen.cli.tokens import add_tokens
from distgen.errors import printable
from distgen.output.files import add_file

COLORS: dict[AdoptionStatus, str] = {"adopted": "green", "refused": "red", "failed": "red"}


@click.command()
@image_arguments
@format_option("text", "json")
@click.option("--dry-run", is_flag=True, help="Print what would be written; write nothing.")
@remote_options
@click.pass_context
def command(
    ctx: click.Context, /, choice: Choice, form: str, dry_run: bool, remote: RemoteOptions
) -> None:
    """Turn downstream edits into patches in the overlays, so that publishing carries them.

    A patch keeps the author and the message of its commit. Nothing in an overlay is replaced.
    """
    session: Session = ctx.obj
    speculation, lock = load_catalogue(session, (), SourceOptions())
    catalogue = speculation.catalogue
    images = choice.of(catalogue)
    git = add_tokens(session, remote.git(session), catalogue, images)
    request = AdoptRequest(catalogue, lock, images, remote.jobs)
    adoptions = tuple(adopt(git, request, remote.folder(session)))
    if not dry_run:
        write(session.root, adoptions)
    if form == "json":
        click.echo(format_report(adoptions))
    elif visible := [
        adoption
        for adoption in adoptions
        if session.verbosity > 0 or adoption.status != "unchanged"
    ]:
        click.echo(as_text(visible))
    tell(session, adoptions, dry_run)
    ctx.exit(int(any(adoption.status in ("refused", "failed") for adoption in adoptions)))


def write(root: Path, adoptions: Iterable[Adoption]) -> None:
    """Write the files that carry the edits, each once."""
    files = {file.source: file for adoption in adoptions for file in adoption.files}
    for source, file in files.items():
        add_file(root / source, file.content, file.executable)


def as_text(adoptions: Sequence[Adoption]) -> str:
    """Return one line for each branch, or for each file; refused edits follow theirs."""
    rows, below = [], []
    for adoption in adoptions:
        details = [file.source for file in adoption.files] or [adoption.detail]
        for detail in details:
            rows.append((adoption.status, adoption.image.key, printable(detail)))
            below.append(
                [] if adoption.status != "refused" or detail != details[-1] else diffs(adoption)
            )
    text = []
    for row, line, more in zip(rows, align_texts(rows), below, strict=True):
        status = row[0]
        text += [click.style(status, fg=COLORS.get(status)) + line[len(status) :], *more]
    return "\n".join(text)


def diffs(adoption: Adoption) -> list[str]:
    """Return the edits as lines that stand below the others."""
    command = f"distgen diff {adoption.image.full_name}"
    return [f"    {line}" for line in diff_lines(adoption.edits, command)]


def tell(session: Session, adoptions: Sequence[Adoption], dry_run: bool) -> None:
    """Narrate who else is reached, and what came of it all."""
    touched = {
        adoption.image.full_name: adoption.touches for adoption in adoptions if adoption.touches
    }
    for name, touches in touched.items():
        session.say(f"{', '.join(touches)} extend {name} and change, too")
    counts = Counter(adoption.status for adoption in adoptions)
    summary = ", ".join(
        f"{counts[status]} {status}" for status in ADOPTION_STATUSES if counts[status]
    )
    session.say(("it would be: " if dry_run else "") + (summary or "no images"))
