"""`distgen publish`: commit what changed to the dist-git repositories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from distgen.cli import plans
from distgen.cli.replacing import replacing
from distgen.cli.retiring import retiring
from distgen.cli.session import Choice, Session, choosing, formats, setting
from distgen.cli.signing import sealing
from distgen.cli.speech import heard, narrate
from distgen.cli.watching import Watched, ending_well, keep, recorded, watching
from distgen.drive import publish
from distgen.drive.publish.repositories import result
from distgen.model import Result
from distgen.reports.results import report, summary
from distgen.store import open_store


@click.command()
@choosing
@setting
@replacing
@plans.planning
@formats("text", "json")
@watching
@retiring
@sealing
@click.option("--dry-run", is_flag=True, help="Print what would change; write nothing anywhere.")
@click.option("--independent", is_flag=True, help="Publish children of failed parents as well.")
@click.option(
    "--keep-going/--fail-fast",
    "keep_going",
    default=True,
    help="Whether to begin others after an image failed or was refused.  [default: keep going]",
)
@click.option("--allow-dirty", is_flag=True, help="Publish uncommitted changes to servers, too.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    choice: Choice,
    form: str,
    dry_run: bool,
    keep_going: bool,
    watched: Watched,
    **wishes: Any,
) -> None:
    """Commit what changed to the dist-git repositories, parents first.

    The first ^C lets the pushes under way end and begins no other.
    """
    session: Session = ctx.obj
    wanted = plans.Wishes(choice=choice, fail_fast=not keep_going, **wishes)
    with recorded(watched.events) as events:
        run = plans.prepare(session, wanted, events)
        with ending_well(run.git):
            results = planned(run) if dry_run else published(session, run)
        code = 130 if run.git.stop.is_set() else plans.exit_code(results)
        events("ended", {"summary": summary(results), "exit_code": code})
    text = report(results)
    troubles = [one for one in (keep(watched.results, text), events.trouble) if one]
    tell(session, results, text if form == "json" else "")
    tell_remarks(session, run)
    session.say(("it would be: " if dry_run else "") + plans.summary(results))
    for trouble in troubles:
        narrate(f"distgen: {trouble}")
    ctx.exit(code or int(bool(troubles)))


def planned(run: plans.Run) -> list[Result]:
    """Return what publishing would come to."""
    changes = publish.plan_each(run.request, run.git, run.options, stored(run.store))
    return ordered(run, map(result, changes))


def published(session: Session, run: plans.Run) -> list[Result]:
    """Publish, and return what came of it."""

    def say(text: str) -> None:
        session.say(text)
        run.options.observe("waiting", {"detail": text})

    total = len(run.request.images) + len(run.request.retired)
    with open_store(run.store, run.git, tell=say) as store:
        done = publish.publish(run.request, store, run.options)
        return ordered(run, shown(session, done, total))


def ordered(run: plans.Run, results: Iterable[Result]) -> list[Result]:
    """Return the results in the order of the images, then what was retired."""
    order = {image.key: number for number, image in enumerate(run.request.images)}
    return sorted(results, key=lambda one: (order.get(one.key, len(order)), one.key))


def tell(session: Session, results: Sequence[Result], text: str) -> None:
    """Print the results: the JSON `text`, or a line for each that is worth one."""
    worth = [one for one in results if session.verbosity > 0 or one.status != "unchanged"]
    text = text or plans.as_text(worth)
    with heard():
        if text:
            click.echo(text)


def tell_remarks(session: Session, run: plans.Run) -> None:
    """Say what a source says of the images, such as files that only its own tool makes."""
    keys = {image.key for image in run.request.images}
    found = [one for one in run.request.catalog.findings if f"{one.image}@{one.stream}" in keys]
    for one in found:
        session.say(f"{one.image}@{one.stream}: {one.code} {one.message}", level=1)
    if count := len({(one.image, one.stream) for one in found if one.code == "DG109"}):
        session.say(
            f"{count} of these need files that are not in them; `distgen lint` names the commands"
        )


def stored(folder: Path) -> Path | None:
    return folder if folder.is_dir() else None


def shown(session: Session, results: Iterable[Result], total: int) -> Iterable[Result]:
    """Pass results on, with a progress bar where somebody looks at a terminal."""
    if not session.live:
        yield from results
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("publishing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True, no_color=session.color is False)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        for one in results:
            progress.update(task, advance=1, description=one.image)
            yield one
