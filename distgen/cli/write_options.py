"""What `publish` and `propose` share: the options of a run that writes, and its way to the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click

from distgen.cli import prepare
from distgen.cli.events import (
    EventFiles,
    event_options,
    graceful_signals,
    open_events,
    write_results,
)
from distgen.cli.metrics_file import metrics_option, open_metrics
from distgen.cli.option_groups import option_group
from distgen.cli.results import exit_code, print_results
from distgen.cli.session import Session, format_option
from distgen.cli.signing_options import signing_options
from distgen.cli.streams import narrate
from distgen.cli.traces import open_traces
from distgen.errors import InputError
from distgen.model.published import Result
from distgen.publish.report import count_statuses, format_report


@dataclass(frozen=True)
class OutputOptions:
    """How a run that writes is to behave, and who watches it."""

    form: str
    dry_run: bool
    event_files: EventFiles
    metrics: Path | None = None


write_options = option_group(
    OutputOptions,
    "output",
    click.option(
        "--dry-run", is_flag=True, help="Print what would change; write nothing anywhere."
    ),
    click.option(
        "--keep-going/--fail-fast",
        "keep_going",
        default=True,
        help="Whether to begin others after an image failed or was refused.  [default: keep going]",
    ),
    click.option("--allow-dirty", is_flag=True, help="Let uncommitted changes go to servers, too."),
    click.option(
        "--no-sync",
        is_flag=True,
        help="Do not wait until local repositories are on the disk; a power cut may undo a run.",
    ),
    click.option(
        "--remote-only", is_flag=True, help="Refuse repositories that are folders on this machine."
    ),
    prepare.planning_options,
    format_option("text", "json"),
    event_options,
    metrics_option,
    signing_options,
)
"""Add the options of a run that writes; the command gets those of its output as one `output`."""


def deliver(
    ctx: click.Context,
    options: prepare.RunOptions,
    output: OutputOptions,
    work: Callable[[prepare.Run], list[Result]],
    tell: Callable[[prepare.Run, list[Result]], str],
) -> None:
    """Plan, let `work` do it, report, end with `tell`'s summary, and exit as it went."""
    # Something that is only planned writes nothing anywhere, not even a result of this run.
    session: Session = replace(ctx.obj, keep_results=not output.dry_run)
    if output.dry_run and output.metrics:
        raise InputError("a dry run is no run to measure", where="--metrics")
    command, shard = ctx.info_name or "", options.sharding.part
    with (
        open_metrics(session, output.metrics, command, shard) as metrics,
        open_events(output.event_files.events) as events,
        open_traces(session, command) as trace,
    ):

        def observe(step: str, about: Mapping[str, object]) -> None:
            trace(step, about)
            metrics(step, about)
            events(step, about)

        run = prepare.prepare(session, options, observe)
        with graceful_signals(run.git):
            results = work(run)
        code = 130 if run.git.stop.is_set() else exit_code(results)
        observe("ended", {"summary": count_statuses(results), "exit_code": code})
        metrics.end(results, code)
    text = format_report(results)
    sentences = write_results(output.event_files.results, text), events.trouble, metrics.trouble
    troubles = [sentence for sentence in sentences if sentence]
    print_results(session, results, text if output.form == "json" else "")
    session.say(("it would be: " if output.dry_run else "") + tell(run, results))
    for trouble in troubles:
        narrate(f"distgen: {trouble}")
    ctx.exit(code or int(bool(troubles)))
