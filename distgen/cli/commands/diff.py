"""`distgen diff`: what publishing would change, each edit once for all images that have it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import click

from distgen.cli import prepare
from distgen.cli.diff_options import DiffOptions, diff_options
from distgen.cli.diff_text import paint, print_text
from distgen.cli.planned_differences import Differences, plan_all
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
    planned_image,
)
from distgen.compare.planned_diff import compare_plan
from distgen.compare.records import GroupedDiff, ImageState
from distgen.compare.report import diff_report
from distgen.compare.revision_diff import RevisionDiff, compare_revisions
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
    if output.by == "image":
        rows = list_image_diffs(session, options, output, hidden)
        print_diff(session, format_images(rows.shown, output), output)
        ctx.exit(rows.code or int(output.exit_code and rows.differs))
    groups = group_differences(session, options, output, hidden)
    if output.form == "markdown":
        print_markdown(session, groups.shown, output)
    else:
        print_diff(session, format_groups(groups.shown, session, output), output)
    ctx.exit(groups.code or int(output.exit_code and groups.differs))


def list_image_diffs(
    session: Session, options: prepare.RunOptions, output: DiffOptions, hidden: tuple[str, ...]
) -> Differences[Sequence[ImageDiff]]:
    """Return what happens to each image."""
    if output.since.since is None:
        run = prepare.prepare(session, replace(options, allow_dirty=True))
        return plan_all(run, partial(describe_change, hidden=hidden))
    revisions = diff_revisions(session, options, output, hidden)
    rows = tuple(list_revision_diffs(revisions, hidden))
    return Differences(rows, bool(rows))


def group_differences(
    session: Session, options: prepare.RunOptions, output: DiffOptions, hidden: tuple[str, ...]
) -> Differences[GroupedDiff]:
    """Return what happens, each edit once for all images that have it."""
    if output.since.since is None:
        run = prepare.prepare(session, replace(options, allow_dirty=True))
        planned = plan_all(run, partial(planned_image, hidden=hidden))
        diff = compare_plan(run.work, planned.shown, hidden)
        return Differences(diff, planned.differs, planned.code)
    diff = diff_revisions(session, options, output, hidden).diff
    return Differences(diff, bool(diff.states))


def diff_revisions(
    session: Session, options: prepare.RunOptions, output: DiffOptions, hidden: tuple[str, ...]
) -> RevisionDiff:
    """Compare what the catalogue renders with what it rendered at a revision."""
    speculation, lock = load_catalogue(session, options.sets, options.overrides)
    comparison = compare_since(session, output.since, speculation, lock)
    choice = options.choice
    keys = set(select_keys(comparison, choice.patterns))
    if choice.with_parents or choice.with_dependents:
        keys |= {image.key for image in choice.of(speculation.catalogue)}
    return compare_revisions(comparison, keys, hidden)


def list_revision_diffs(revisions: RevisionDiff, hidden: tuple[str, ...]) -> Iterator[ImageDiff]:
    """Yield what a change of the catalogue does to each image that it changes."""
    changes = {change.key: change for change in revisions.changes}
    for key, state in revisions.diff.states.items():
        image, _, stream = key.rpartition("@")
        detail = f"{state} since {revisions.diff.since}"
        change = changes[key]
        diff = format_files(key, change.before or {}, change.after or {}, hidden)
        yield ImageDiff(image, stream, _STATUSES[state], "", detail, diff)


def print_diff(session: Session, text: str, output: DiffOptions) -> None:
    """Print a diff, or write it to the file that is asked for."""
    if output.output is None:
        print_text(session, text, paged=output.paged and output.form == "text")
    else:
        replace_file(output.output, click.unstyle(text))


def print_markdown(session: Session, diff: GroupedDiff, output: DiffOptions) -> None:
    """Print the groups as far as the limit allows; a file gets all of them."""
    rest = ""
    if output.output is not None:
        replace_file(output.output, format_groups(diff, session, output))
        rest = f" All of it is in {visible(output.output.name)}."
    text = format_markdown(diff, output.limit, rest, words=session.verbosity > 0)
    print_text(session, text, paged=False)


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
