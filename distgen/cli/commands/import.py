"""`distgen import`: repositories and folders with Dockerfiles become images of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import click

from distgen.backoff import RetryPolicy
from distgen.cli.option_groups import option_group
from distgen.cli.remote_options import retries_option, timeout_option
from distgen.cli.results import COLORS
from distgen.cli.session import Session, format_option
from distgen.cli.tables import align_texts
from distgen.errors import InputError, printable
from distgen.git.run import isolate
from distgen.importing.records import ImportChoice, ImportReport
from distgen.importing.report import count_results, report_json, result_rows
from distgen.importing.run import ImportRequest, import_places


@dataclass(frozen=True)
class ImportOptions:
    """What the command line says of all places at once."""

    namespace: str
    streams: tuple[str, ...]
    names: tuple[str, ...]
    dockerfile: str
    each: bool
    registry: str
    factor: bool

    def choice(self) -> ImportChoice:
        """Return what was chosen; raise InputError where an option is not of its form."""
        if self.dockerfile and self.each:
            raise InputError("--dockerfile names one, and --each takes all", hint="leave one out")
        streams = [_pair(text, "--stream NAME=BRANCH") for text in self.streams]
        if len(dict(streams)) < len(streams):
            raise InputError("--stream names a stream twice", hint="leave one out")
        return ImportChoice(
            namespace=self.namespace,
            streams=tuple(streams),
            names=dict(_pair(text, "--name OLD=NEW") for text in self.names),
            dockerfile=self.dockerfile,
            each=self.each,
            registry=self.registry,
            factor=self.factor,
        )


def _pair(text: str, form: str) -> tuple[str, str]:
    first, equals, second = text.partition("=")
    if not first or not second or not equals:
        raise InputError(f"{form.partition(' ')[0]} {text} is not of the form {form}")
    return first, second


import_options = option_group(
    ImportOptions,
    "options",
    click.option(
        "--namespace",
        metavar="NAMESPACE",
        required=True,
        help="The namespace of the images; a new one is made.",
    ),
    click.option(
        "--stream",
        "streams",
        metavar="NAME=BRANCH",
        multiple=True,
        help="A branch to import, and its stream; may be repeated. Without it: the streams of the "
        "namespace, or the branch that a clone shows.",
    ),
    click.option(
        "--name",
        "names",
        metavar="OLD=NEW",
        multiple=True,
        help="Another name for an image than that of its repository; may be repeated.",
    ),
    click.option(
        "--dockerfile",
        metavar="FILE",
        default="",
        help="The Dockerfile that counts, in each repository; its folder is the build context.",
    ),
    click.option("--each", is_flag=True, help="Make an image of each Dockerfile."),
    click.option(
        "--registry",
        metavar="REGISTRY",
        default="",
        help="Registry and account of a new namespace; without it, the one in which the images "
        "name each other.",
    ),
    click.option(
        "--factor",
        is_flag=True,
        help="Make one template of files that are equal but for words, and print it as a diff; "
        "only where it gives the same bytes.",
    ),
)


@click.command()
@click.argument("places", metavar="PATH_OR_URL...", nargs=-1, required=True)
@import_options
@click.option("--dry-run", "is_dry", is_flag=True, help="Say what would be imported, no more.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=4,
    show_default=True,
    help="How many repositories to read at once.",
)
@timeout_option
@retries_option
@format_option("text", "json")
@click.pass_context
def command(
    context: click.Context,
    places: tuple[str, ...],
    options: ImportOptions,
    *,
    is_dry: bool,
    jobs: int,
    timeout: float,
    retries: int,
    form: str,
) -> None:
    """Make images of repositories and folders that have Dockerfiles.

    Every file comes in as it is, below overlays/NAMESPACE/IMAGE/verbatim; `from` and `builders`
    are read from the Dockerfile. What cannot be imported is said, and the others are. The first
    `distgen publish` onto the same repositories adds the manifest and nothing else.
    """
    session: Session = context.obj
    catalogue = session.catalogue()
    git = isolate(session.environ, RetryPolicy(timeout, retries + 1))
    request = ImportRequest(
        git, session.root, Path.cwd(), places, options.choice(), jobs=jobs, is_dry=is_dry
    )
    # All is read anew: to keep that, too, would take a third of the whole time.
    report = import_places(request, catalogue, replace(session, use_cache=False).catalogue)
    _print_report(report, form)
    if report.note:
        session.say(f"{report.note}; all files come in as they are")
    if report.ignored:
        count = "1 new file" if len(report.ignored) == 1 else f"{len(report.ignored)} new files"
        session.say(f"git ignores {count}; add with `git add -f`: {', '.join(report.ignored[:3])}")
    counts = count_results(report.results)
    session.say(", ".join(f"{count} {status}" for status, count in counts.items()))
    if counts.get("imported") and not is_dry:
        pattern = f"'{options.namespace}/*'"
        session.say(f"next: distgen lint {pattern}; distgen publish --dry-run {pattern}")
    context.exit(1 if counts.get("refused") else 0)


def _print_report(report: ImportReport, form: str) -> None:
    if form == "json":
        click.echo(report_json(report))
        return
    rows = result_rows(report.results)
    for (status, _, _), line in zip(rows, align_texts(rows), strict=True):
        color = COLORS["refused" if status == "refused" else "created"]
        click.echo(click.style(status, fg=color) + printable(line[len(status) :]))
    if report.diff:
        click.echo(printable(report.diff), nl=False)
