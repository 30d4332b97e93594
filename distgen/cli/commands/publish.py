"""`distgen publish`: commit what changed to the dist-git repositories."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import click

from distgen.cli import prepare
from distgen.cli.executor_options import executor_option
from distgen.cli.results import show_progress, sort_results, summary
from distgen.cli.retire_options import retire_options
from distgen.cli.session import Session
from distgen.cli.shard_options import shard_options
from distgen.cli.source_options import source_options
from distgen.cli.write_options import OutputOptions, deliver, write_options
from distgen.git.store import open_store
from distgen.model.published import Result
from distgen.model.words import COMMIT_STATUSES, is_committed
from distgen.publish.results import to_result
from distgen.publish.run import checked_repositories, plan_each, publish_images
from distgen.render.archives import unfetched_archives


@click.command()
@prepare.run_options(
    source_options,
    write_options,
    retire_options,
    shard_options,
    executor_option,
    click.option("--independent", is_flag=True, help="Publish children of failed parents as well."),
    click.option(
        "--restamp",
        is_flag=True,
        help="Name this commit of the catalogue where the same files were published from none.",
    ),
)
@click.pass_context
def command(ctx: click.Context, /, options: prepare.RunOptions, output: OutputOptions) -> None:
    """Commit what changed to the dist-git repositories, parents first.

    The first ^C lets the pushes under way end and begins no other.
    """
    session: Session = ctx.obj
    work = dry_run if output.dry_run else partial(publish_all, session)
    deliver(ctx, options, output, work, partial(summarise, session))


def summarise(session: Session, run: prepare.Run, results: list[Result]) -> str:
    """Return the last line; say before it what a source says of the images."""
    tell_remarks(session, run)
    source = run.options.provenance.source
    if not is_committed(source) and any(result.status in COMMIT_STATUSES for result in results):
        session.say(
            "the commits name no commit of the catalogue, so `distgen verify` cannot prove them;"
            " commit the catalogue before you publish, or publish again with --restamp when it is"
        )
    if count := sum(result.can_restamp for result in results):
        branches = "1 branch was" if count == 1 else f"{count} branches were"
        session.say(
            f"{branches} published from files that were not committed, and this commit gives the"
            " same; `distgen publish --restamp` says so in one commit for each"
        )
    return summary(results)


def dry_run(run: prepare.Run) -> list[Result]:
    """Return what publishing would come to."""
    changes = plan_each(run.request, run.git, run.options, prepare.existing_store(run.store))
    results = sort_results(run.request.images, map(to_result, changes))
    run.keep()
    return results


def publish_all(session: Session, run: prepare.Run) -> list[Result]:
    """Publish, and return what came of it."""

    def say(text: str) -> None:
        session.say(text)
        run.options.observe("waiting", {"detail": text})

    repositories = checked_repositories(run.request, run.options)
    total = sum(len(r.targets) for r in repositories if run.options.owns(r.url))
    if run.asked.executor:
        from distgen.cli.executor_runs import publish_elsewhere

        elsewhere = publish_elsewhere(session, run.asked.executor, run)
        return sort_results(run.request.images, show_progress(session, elsewhere, total))
    with open_store(run.store, run.git, report=say) as store:
        results = publish_images(run.request, store, replace(run.options, tell=say))
        sorted_results = sort_results(run.request.images, show_progress(session, results, total))
    run.keep()
    return sorted_results


def tell_remarks(session: Session, run: prepare.Run) -> None:
    """Say what a source says of the images, such as files that only its own tool makes."""
    keys = {image.key for image in run.request.images}
    findings = [f for f in run.request.catalogue.findings if f"{f.image}@{f.stream}" in keys]
    for finding in findings:
        text = f"{finding.image}@{finding.stream}: {finding.code} {finding.message}"
        session.say(text, level=1)
    lock = run.options.provenance.lock
    if count := sum(bool(unfetched_archives(image, lock)) for image in run.request.images):
        session.say(f"{count} of these need files that are not in them; their SOURCES make them")
