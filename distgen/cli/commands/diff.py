"""`distgen diff`: what publishing would change, as a unified diff."""

from __future__ import annotations

import json
from dataclasses import replace

import click

from distgen.cli import prepare, results
from distgen.cli.session import Session, format_option
from distgen.cli.source_options import source_options
from distgen.errors import printable
from distgen.model.published import Change
from distgen.publish.results import COMMIT_STATUSES, to_result
from distgen.publish.run import format_diff, plan_only

COLORS = {"+": "green", "-": "red", "@": "cyan"}


@click.command()
@prepare.run_options(
    source_options,
    prepare.planning_options,
    format_option("text", "json"),
    click.option("--exit-code", is_flag=True, help="Exit 1 when there is a difference."),
)
@click.pass_context
def command(ctx: click.Context, /, options: prepare.RunOptions, form: str, exit_code: bool) -> None:
    """Show what publishing would change in the repositories."""
    session: Session = ctx.obj
    run = prepare.prepare(session, replace(options, allow_dirty=True))
    store = prepare.existing_store(run.store)
    changes = plan_only(run.request, run.git, run.options, store)
    if form == "json":
        click.echo(json.dumps([describe_change(change) for change in changes], indent=2))
    else:
        for change in changes:
            show(change)
    differs = any(change.status != "unchanged" for change in changes)
    failures = (to_result(change) for change in changes if change.status == "failed")
    ctx.exit(results.exit_code(failures) or int(exit_code and differs))


def show(change: Change) -> None:
    """Print one change: its subject and diff, or why there is none."""
    if change.status in COMMIT_STATUSES:
        subject = change.message.partition("\n")[0].removeprefix(f"{change.image}: ")
        click.secho(f"{change.key}: {subject}", bold=True)
        click.echo(color_diff(format_diff(change)), nl=False)
    elif change.status != "unchanged":
        click.echo(f"distgen: {change.key}: {change.status}: {change.detail}", err=True)
        for edit in change.edits:
            click.echo(color_diff(printable(edit.diff)), nl=False)


def describe_change(change: Change) -> dict[str, str]:
    """Return the JSON object of one change; its keys are stable."""
    return {
        "image": change.image,
        "stream": change.stream,
        "status": change.status,
        "message": change.message,
        "detail": change.detail,
        "diff": format_diff(change) if change.status in COMMIT_STATUSES else "",
    }


def color_diff(diff: str) -> str:
    """Colour the lines of a unified diff; click takes the colours off where nobody sees them."""
    return "".join(
        click.style(line, fg=COLORS[line[0]]) if line[0] in COLORS else line
        for line in diff.splitlines(keepends=True)
    )
