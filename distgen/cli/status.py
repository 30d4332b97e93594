"""`distgen status`: how the dist-git repositories stand to the catalogue."""

from __future__ import annotations

from typing import Any

import click

from distgen import publish
from distgen.cli import plans
from distgen.cli.publish import stored
from distgen.cli.session import Choice, Session, choosing, formats, setting
from distgen.reports.results import report


@click.command()
@choosing
@setting
@plans.planning
@formats("text", "json")
@click.pass_context
def command(
    ctx: click.Context, /, choice: Choice, sets: tuple[str, ...], form: str, **wishes: Any
) -> None:
    """Say which repositories are behind the catalogue, and which were edited downstream."""
    session: Session = ctx.obj
    wanted = plans.Wishes(choice=choice, sets=sets, allow_dirty=True, **wishes)
    run = plans.prepare(session, wanted)
    changes = publish.plan_only(run.request, run.git, run.options, stored(run.store))
    results = [publish.standing(change) for change in changes]
    click.echo(report(results) if form == "json" else plans.as_text(results))
    session.say(plans.summary(results))
    ctx.exit(plans.exit_code(one for one in results if one.status == "failed"))
