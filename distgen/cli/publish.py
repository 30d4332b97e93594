"""`distgen publish`: commit what changed to the dist-git repositories."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from distgen import publish
from distgen.cli import plans
from distgen.cli.replacing import replacing
from distgen.cli.session import Choice, Session, choosing, formats, setting
from distgen.model import Result
from distgen.publish.repositories import result
from distgen.reports.results import report
from distgen.store import open_store


@click.command()
@choosing
@setting
@replacing
@plans.planning
@formats("text", "json")
@click.option("--dry-run", is_flag=True, help="Print what would change; write nothing anywhere.")
@click.option("--independent", is_flag=True, help="Publish children of failed parents as well.")
@click.option("--allow-dirty", is_flag=True, help="Publish uncommitted changes to servers, too.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    choice: Choice,
    sets: tuple[str, ...],
    form: str,
    dry_run: bool,
    **wishes: Any,
) -> None:
    """Commit what changed to the dist-git repositories, parents first."""
    session: Session = ctx.obj
    run = plans.prepare(session, plans.Wishes(choice=choice, sets=sets, **wishes))
    if dry_run:
        changes = publish.plan_only(run.request, run.git, run.options, stored(run.store))
        results = [result(change) for change in changes]
    else:
        with open_store(run.store, run.git) as store:
            done = publish.publish(run.request, store, run.options)
            results = list(shown(session, done, len(run.request.images)))
    order = {image.key: number for number, image in enumerate(run.request.images)}
    results.sort(key=lambda one: order.get(one.key, len(order)))
    if form == "json":
        click.echo(report(results))
    else:
        wanted = (
            results if session.verbosity > 0 else [r for r in results if r.status != "unchanged"]
        )
        if wanted:
            click.echo(plans.as_text(wanted))
    tell_remarks(session, run)
    session.say(("it would be: " if dry_run else "") + plans.summary(results))
    ctx.exit(plans.exit_code(results))


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
