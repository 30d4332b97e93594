"""`distgen lint`: what rules and linters say of the rendered images."""

from __future__ import annotations

import re
from pathlib import Path

import click

from distgen.catalogue.inputs import folder_in_repository
from distgen.cli.executor_options import executor_option
from distgen.cli.interrupts import interrupted_by_signals
from distgen.cli.lint_reports import FORMATS, LintResult, report_option
from distgen.cli.progress import progress_bar
from distgen.cli.session import Choice, Session, format_option, image_arguments, set_option
from distgen.cli.source_options import (
    SourceOptions,
    load_catalogue,
    source_options,
    warn_of_unused_items,
)
from distgen.cli.work import limited_work
from distgen.errors import printable
from distgen.lint.check import lint
from distgen.lint.external import LinterOptions, running_linters
from distgen.lint.work import Work
from distgen.model.rendered import Finding
from distgen.model.words import LEVELS
from distgen.output.files import replace_file
from distgen.pool import limit_jobs, usable_cores

COLORS = {"error": "red", "warning": "yellow", "info": "cyan", "style": "cyan"}
LEVEL = re.compile(rf"(?<=: )({'|'.join(LEVELS)})(?= [A-Z]+[0-9])")


@click.command()
@image_arguments
@set_option
@source_options
@format_option(*FORMATS)
@report_option
@click.option(
    "--fail-on",
    type=click.Choice([*LEVELS, "never"]),
    default="error",
    show_default=True,
    help="The mildest level that makes the exit code 1.",
)
@executor_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    choice: Choice,
    sets: tuple[str, ...],
    overrides: SourceOptions,
    *,
    executor: str | None,
    form: str,
    reports: tuple[tuple[str, Path], ...],
    fail_on: str,
) -> None:
    """Check the rendered images; each finding names its template line."""
    session: Session = ctx.obj
    speculation, lock = load_catalogue(session, sets, overrides)
    catalogue = speculation.catalogue
    images = choice.of(catalogue)
    warn_of_unused_items(session, speculation, images)
    if executor:
        from distgen.cli.executor_runs import lint_elsewhere

        findings = lint_elsewhere(session, executor, speculation, lock, images)
    else:
        findings = lint_images(session, limited_work(catalogue, lock, images))
    grave = () if fail_on == "never" else LEVELS[: LEVELS.index(fail_on) + 1]
    # A name may have bytes that are no text, which no report could be written with.
    folder = printable(folder_in_repository(session.root))
    result = LintResult(findings, images, folder, grave)
    for name, path in reports:
        replace_file(path, result.format(name))
    printed = result.format(form)
    click.echo(color_levels(printed) if form == "text" else printed, nl=False)
    ctx.exit(int(any(finding.level in grave for finding in findings)))


def lint_images(session: Session, work: Work) -> tuple[Finding, ...]:
    """Return what rules and linters say; an interrupted run leaves no process behind."""
    with interrupted_by_signals(), progress_bar(session, "linting") as advance:
        options = LinterOptions(
            jobs=limit_jobs(usable_cores()),
            cache=session.results,
            tell=lambda done, total: advance(done, total, ""),
        )
        with running_linters(options) as linters:
            return lint(work, linters)


def color_levels(report: str) -> str:
    """Colour the level of each finding; click takes the colours off where nobody sees them."""
    return "".join(
        LEVEL.sub(
            lambda level_match: click.style(level_match[0], fg=COLORS[level_match[0]]),
            line,
            count=1,
        )
        for line in report.splitlines(keepends=True)
    )
