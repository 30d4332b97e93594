"""`distgen diff`: what publishing would change, as a unified diff."""

from __future__ import annotations

from typing import Any

import click

from distgen import publish
from distgen.cli import plans
from distgen.cli.publish import stored
from distgen.cli.replacing import replacing
from distgen.cli.session import Choice, Session, choosing, setting
from distgen.publish.deliver import COMMITTED

COLORS = {"+": "green", "-": "red", "@": "cyan"}


@click.command()
@choosing
@setting
@replacing
@plans.planning
@click.option("--exit-code", is_flag=True, help="Exit 1 when there is a difference.")
@click.pass_context
def command(
    ctx: click.Context, /, choice: Choice, sets: tuple[str, ...], exit_code: bool, **wishes: Any
) -> None:
    """Show what publishing would change in the repositories."""
    session: Session = ctx.obj
    wanted = plans.Wishes(choice=choice, sets=sets, allow_dirty=True, **wishes)
    run = plans.prepare(session, wanted)
    changes = publish.plan_only(run.request, run.git, run.options, stored(run.store))
    for change in changes:
        if change.status in COMMITTED:
            click.secho(f"{change.key}: {change.message.partition(chr(10))[0]}", bold=True)
            click.echo(colored(publish.diff(change)), nl=False)
        elif change.status != "unchanged":
            click.echo(f"distgen: {change.key}: {change.status}: {change.detail}", err=True)
    differs = any(change.status != "unchanged" for change in changes)
    failed = any(change.status == "failed" for change in changes)
    ctx.exit(int(failed or (exit_code and differs)))


def colored(diff: str) -> str:
    """Colour the lines of a unified diff; click takes the colours off where nobody sees them."""
    return "".join(
        click.style(line, fg=COLORS[line[0]]) if line[0] in COLORS else line
        for line in diff.splitlines(keepends=True)
    )
