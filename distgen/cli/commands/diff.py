"""`distgen diff`: what publishing would change, each edit once for all images that have it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache

import click

from distgen.cli import prepare, results
from distgen.cli.diff_options import DiffOptions, diff_options
from distgen.cli.diff_text import paint, print_text
from distgen.cli.session import Session
from distgen.cli.since import compare_since
from distgen.cli.source_options import load_catalogue, source_options
from distgen.compare.comparison import select_keys
from distgen.compare.html_report import format_html
from distgen.compare.markdown_report import format_markdown
from distgen.compare.planned import (
    OWN_FILES,
    format_change,
    format_files,
)
from distgen.compare.planned_diff import compare_changes
from distgen.compare.records import GroupedDiff, ImageState
from distgen.compare.report import diff_report
from distgen.compare.revision_diff import compare_revisions
from distgen.compare.text_report import (
    TextBlock,
    list_blocks,
    list_statistics,
    stopped_blocks,
)
from distgen.errors import InputError
from distgen.model.published import Change
from distgen.model.words import COMMIT_STATUSES
from distgen.output.files import replace_file
from distgen.publish.results import to_result
from distgen.publish.run import plan_only
from distgen.text.visible import visible

_STATUSES: Mapping[ImageState, str] = {
    "changed": "updated",
    "added": "created",
    "removed": "retired",
}


@dataclass(frozen=True)
class ImageDiff:
    """What happens to one image; `edits` are those of a packager that stop a plan.

    The other keys are those of the JSON object, and stable.
    """

    image: str
    stream: str
    status: str
    message: str
    detail: str
    diff: str
    edits: str = ""


@dataclass(frozen=True)
class Differences:
    """What differs, grouped and by image; each is worked out when it is asked for."""

    grouped: Callable[[], GroupedDiff]
    rows: Callable[[], Iterable[ImageDiff]]
    differs: bool
    code: int = 0


@click.command()
@prepare.run_options(source_options, prepare.planning_options)
@diff_options
@click.pass_context
def command(ctx: click.Context, /, options: prepare.RunOptions, output: DiffOptions) -> None:
    """Show what publishing would change in the repositories.

    Edits are shown once for all images that have them: equal ones, and those that are equal but for
    names, tags and digests of the image and its parents.

    With --since: what the change of the catalogue since REV does to the images. Both states are
    rendered with what is installed now and no repository is read, so what an upgrade does, of
    Kolla or of this program, shows only without --since.
    """
    session: Session = ctx.obj
    if output.by == "image" and output.form not in ("text", "json"):
        raise InputError(f"--by image has no {output.form}", hint="use --by group")
    if output.by == "image" and output.stat:
        raise InputError("--stat counts groups, and --by image has none", hint="use --by group")
    hidden = () if output.all_files else OWN_FILES
    read = diff_repositories if output.since.since is None else diff_revisions
    differences = read(session, options, output, hidden)
    if output.by == "image":
        text = format_images(differences.rows(), output)
    else:
        text = format_groups(differences.grouped(), session, output)
    is_printed = output.output is None or output.form == "markdown"
    if output.output is not None:
        replace_file(output.output, click.unstyle(text))
    if is_printed and output.form == "markdown":
        rest = f" All of it is in {visible(output.output.name)}." if output.output else ""
        text = format_markdown(
            differences.grouped(), output.limit, rest, words=session.verbosity > 0
        )
    if is_printed:
        print_text(session, text, paged=output.paged and output.form == "text")
    ctx.exit(differences.code or int(output.exit_code and differences.differs))


def diff_repositories(
    session: Session, options: prepare.RunOptions, output: DiffOptions, hidden: tuple[str, ...]
) -> Differences:
    """Compare what would be published with what the repositories hold."""
    run = prepare.prepare(session, replace(options, allow_dirty=True))
    changes = plan_only(run.request, run.git, run.options, prepare.existing_store(run.store))

    @cache
    def group() -> GroupedDiff:
        return compare_changes(run.work, changes, hidden)

    failures = (to_result(change) for change in changes if change.status == "failed")
    return Differences(
        group,
        lambda: (describe_change(change, hidden) for change in changes),
        any(change.status != "unchanged" for change in changes),
        results.exit_code(failures),
    )


def diff_revisions(
    session: Session, options: prepare.RunOptions, output: DiffOptions, hidden: tuple[str, ...]
) -> Differences:
    """Compare what the catalogue renders with what it rendered at a revision."""
    speculation, lock = load_catalogue(session, options.sets, options.overrides)
    comparison = compare_since(session, output.since, speculation, lock)
    choice = options.choice
    keys = set(select_keys(comparison, choice.patterns))
    if choice.with_parents or choice.with_dependents:
        keys |= {image.key for image in choice.of(speculation.catalogue)}
    revisions = compare_revisions(comparison, keys, hidden)
    grouped = revisions.diff

    def rows() -> Iterator[ImageDiff]:
        for key, state in grouped.states.items():
            image, _, stream = key.rpartition("@")
            detail = f"{state} since {grouped.since}"
            diff = format_files(
                key, revisions.before.get(key, {}), revisions.now.get(key, {}), hidden
            )
            yield ImageDiff(image, stream, _STATUSES[state], "", detail, diff)

    return Differences(lambda: grouped, rows, bool(grouped.states))


def format_groups(diff: GroupedDiff, session: Session, output: DiffOptions) -> str:
    """Return the groups in the form that is asked for; a file gets all of them."""
    words = session.verbosity > 0
    if output.form == "json":
        return json.dumps(diff_report(diff), indent=2) + "\n"
    if output.form == "html":
        return format_html(diff, words=words)
    if output.form == "markdown":
        return format_markdown(diff, words=words)
    to_file = output.output is not None
    if output.stat:
        return paint(list_statistics(diff), to_file=to_file, cut=True)
    return paint(list_blocks(diff, words=words), to_file=to_file)


def format_images(rows: Iterable[ImageDiff], output: DiffOptions) -> str:
    """Return the whole diff of each image, as publishing would commit it."""
    if output.form == "json":
        objects = [
            {key: text for key, text in asdict(row).items() if key != "edits"} for row in rows
        ]
        return json.dumps(objects, indent=2) + "\n"
    blocks = (block for row in rows for block in image_blocks(row))
    return paint(blocks, to_file=output.output is not None)


def image_blocks(row: ImageDiff) -> Iterator[TextBlock]:
    """Yield what happens to one image: its subject and diff, or why there is none."""
    key = f"{row.image}@{row.stream}"
    if row.status in COMMIT_STATUSES:
        subject = row.message.partition("\n")[0].removeprefix(f"{row.image}: ")
        yield TextBlock("sum", (f"{key}: {subject or row.detail}",))
        yield TextBlock("diff", tuple(row.diff.split("\n")[:-1]))
    elif row.status != "unchanged":
        yield from stopped_blocks(key, row.status, row.detail, row.edits)


def describe_change(change: Change, hidden: tuple[str, ...]) -> ImageDiff:
    """Return what publishing would do to one branch."""
    return ImageDiff(
        image=change.image,
        stream=change.stream,
        status=change.status,
        message=change.message,
        detail=change.detail,
        diff=format_change(change, hidden) if change.status in COMMIT_STATUSES else "",
        edits="".join(edit.diff for edit in change.edits),
    )
