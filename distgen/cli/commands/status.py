"""`distgen status`: how the dist-git repositories stand to the catalogue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from distgen.cli import prepare
from distgen.cli.metrics_file import metrics_option, open_metrics
from distgen.cli.results import as_text, exit_code, sort_results, summary
from distgen.cli.session import Session, format_option
from distgen.cli.streams import narrate
from distgen.model.published import Result
from distgen.publish.orphans import find_orphans
from distgen.publish.report import format_report
from distgen.publish.results import status_of
from distgen.publish.run import plan_each
from distgen.publish.target import BranchTarget


@click.command()
@prepare.run_options(prepare.planning_options, format_option("text", "json"), metrics_option)
@click.pass_context
def command(
    ctx: click.Context, /, options: prepare.RunOptions, form: str, metrics: Path | None
) -> None:
    """Say which repositories are behind the catalogue, and which were edited downstream."""
    session: Session = ctx.obj
    # Each image is judged for itself: an edit of its parent says nothing about it.
    options = replace(options, allow_dirty=True, independent=True)
    with open_metrics(session, metrics, "status") as measured:
        run = prepare.prepare(session, options, measured)
        store = prepare.existing_store(run.store)
        changes = plan_each(run.request, run.git, run.options, store)
        results = sort_results(run.request.images, map(status_of, changes))
        run.keep()
        if not options.choice.patterns:
            results += map(orphan_result, find_orphans(run.request.catalogue, run.git))
        code = exit_code(result for result in results if result.status == "failed")
        measured.end(results, code)
    if results or form == "json":
        click.echo(format_report(results) if form == "json" else as_text(results))
    session.say(summary(results))
    if measured.trouble:
        narrate(f"distgen: {measured.trouble}")
    ctx.exit(code or int(bool(measured.trouble)))


def orphan_result(target: BranchTarget) -> Result:
    """Return the result of a branch whose image or stream has left the catalogue."""
    detail = "left the catalogue; `distgen publish --retire` takes it off the branch"
    return Result(target.image, target.stream, target.url, target.branch, "behind", detail=detail)
