"""`distgen diff`: what publishing would change, each edit once for all images that have it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import click

from distgen.cli import prepare, results
from distgen.cli.diff_options import DiffOptions, diff_options
from distgen.cli.pager import find_pager, show_paged
from distgen.cli.paint import paint_diff, visible
from distgen.cli.session import Session
from distgen.cli.source_options import source_options
from distgen.cli.streams import stdout_is_terminal
from distgen.compare.diff import FindOrigin, compare_trees, with_origins, with_rebuilt, with_stopped
from distgen.compare.planned import (
    OWN_FILES,
    format_change,
    planned_trees,
    published_parents,
    stopped_images,
)
from distgen.compare.records import FileEdit, GroupedDiff
from distgen.compare.report import diff_report
from distgen.compare.text_report import TextBlock, list_blocks, list_statistics
from distgen.compare.words import words_by_image
from distgen.lint.check import Work
from distgen.model.published import Change
from distgen.model.words import COMMIT_STATUSES, Origin
from distgen.output.files import replace_file
from distgen.publish.results import to_result
from distgen.publish.run import plan_only

_STYLES = {
    "sum": {"bold": True},
    "heading": {"bold": True, "fg": "yellow"},
    "warning": {"bold": True, "fg": "red"},
    "note": {},
}


@click.command()
@prepare.run_options(source_options, prepare.planning_options)
@diff_options
@click.pass_context
def command(ctx: click.Context, /, options: prepare.RunOptions, output: DiffOptions) -> None:
    """Show what publishing would change in the repositories."""
    session: Session = ctx.obj
    run = prepare.prepare(session, replace(options, allow_dirty=True))
    store = prepare.existing_store(run.store)
    changes = plan_only(run.request, run.git, run.options, store)
    hidden = () if output.all_files else OWN_FILES
    if output.by == "image":
        text = format_images(changes, hidden, output)
    else:
        text = format_groups(compare_changes(run, changes, hidden), session, output)
    write(session, output, text)
    differs = any(change.status != "unchanged" for change in changes)
    failures = (to_result(change) for change in changes if change.status == "failed")
    ctx.exit(results.exit_code(failures) or int(output.exit_code and differs))


def compare_changes(
    run: prepare.Run, changes: Sequence[Change], hidden: Sequence[str]
) -> GroupedDiff:
    """Return what a plan changes, as groups of equal edits."""
    before, after = planned_trees(changes)
    images = run.request.catalogue.images
    references = {change.key: published_parents(change) for change in changes}
    words_of = words_by_image(images, published_parents=references)
    diff = compare_trees(before, after, words_of, hidden, len(changes))
    diff = with_origins(diff, origin_finder(run.work))
    return with_stopped(with_rebuilt(diff, images), stopped_images(changes))


def origin_finder(work: Work) -> FindOrigin:
    """Return a function that finds the line of the catalogue that an edit comes from."""
    images = {image.key: image for image in work.catalogue.images}

    def find(edit: FileEdit) -> Origin | None:
        image = images.get(edit.image)
        if image is None or not edit.new_start or edit.path in OWN_FILES:
            return None
        origins = work.renderer.line_map(image, edit.path)
        return origins[edit.new_start - 1] if edit.new_start <= len(origins) else None

    return find


def format_groups(diff: GroupedDiff, session: Session, output: DiffOptions) -> str:
    """Return the groups in the form that is asked for."""
    if output.form == "json":
        return json.dumps(diff_report(diff), indent=2) + "\n"
    if output.stat:
        return paint(list_statistics(diff))
    return paint(list_blocks(diff, words=session.verbosity > 0))


def format_images(changes: Iterable[Change], hidden: Sequence[str], output: DiffOptions) -> str:
    """Return the whole diff of each image, as publishing would commit it."""
    if output.form == "json":
        return json.dumps([describe_change(change, hidden) for change in changes], indent=2) + "\n"
    return paint(block for change in changes for block in change_blocks(change, hidden))


def change_blocks(change: Change, hidden: Sequence[str]) -> Iterator[TextBlock]:
    """Yield one change: its subject and diff, or why there is none."""
    if change.status in COMMIT_STATUSES:
        subject = change.message.partition("\n")[0].removeprefix(f"{change.image}: ")
        yield TextBlock("sum", (f"{change.key}: {subject}",))
        yield TextBlock("diff", tuple(format_change(change, hidden).split("\n")[:-1]))
    elif change.status != "unchanged":
        yield TextBlock("warning", (f"{change.key}: {change.status}: {change.detail}",))
        for edit in change.edits:
            yield TextBlock("diff", tuple(edit.diff.removesuffix("\n").split("\n")))


def describe_change(change: Change, hidden: Sequence[str]) -> dict[str, str]:
    """Return the JSON object of one change; its keys are stable."""
    return {
        "image": change.image,
        "stream": change.stream,
        "status": change.status,
        "message": change.message,
        "detail": change.detail,
        "diff": format_change(change, hidden) if change.status in COMMIT_STATUSES else "",
    }


def paint(blocks: Iterable[TextBlock]) -> str:
    """Return the text of the blocks, in colour; click takes that off where it is not wanted."""
    lines: list[str] = []
    for block in blocks:
        if block.kind == "diff":
            lines += paint_diff(block.lines) if _is_colored() else block.lines
        else:
            style = _STYLES[block.kind]
            lines += (click.style(visible(line), **style) for line in block.lines)  # type: ignore[arg-type]
    return "".join(f"{line}\n" for line in lines)


def _is_colored() -> bool:
    color = click.get_current_context().color
    return stdout_is_terminal() if color is None else color


def write(session: Session, output: DiffOptions, text: str) -> None:
    """Write the text where it belongs: a file, a pager, or stdout."""
    if output.output is not None:
        replace_file(output.output, click.unstyle(text))
        return
    pager = find_pager(session.environ, session.root) if output.paged else ""
    if output.form == "json" or not pager:
        click.echo(text, nl=False)
        return
    shown = text if _is_colored() else click.unstyle(text)
    if not show_paged(shown, pager, session.environ):
        click.echo(text, nl=False)
