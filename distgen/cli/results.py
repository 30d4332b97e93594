"""What is said of results: a line for each, a summary, a progress bar, and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import click

from distgen.cli.progress import progress_bar
from distgen.cli.session import Session
from distgen.cli.streams import ignore_broken_pipe
from distgen.cli.tables import align_texts
from distgen.errors import printable
from distgen.model.catalogue import Image
from distgen.model.published import Edit, Result
from distgen.model.words import Status
from distgen.publish.scheduler import INTERRUPTED
from distgen.text.diff import shorten_diff

MOST_LINES, MOST_COLUMNS = 40, 200
"""Of what edits print on a terminal."""
STOPPED = ("refused", "skipped", "failed")
COLORS: dict[Status, str] = {
    "created": "green",
    "updated": "green",
    "retired": "green",
    "behind": "yellow",
    "drifted": "yellow",
    "refused": "red",
    "skipped": "red",
    "failed": "red",
}


def sort_results(images: Iterable[Image], results: Iterable[Result]) -> list[Result]:
    """Return the results in the order of the images, then what was retired."""
    order = {image.key: number for number, image in enumerate(images)}
    return sorted(results, key=lambda result: (order.get(result.key, len(order)), result.key))


def print_results(session: Session, results: Sequence[Result], text: str) -> None:
    """Print the results: the JSON `text`, or a line for each that is worth one."""
    worth = [result for result in results if session.verbosity > 0 or result.status != "unchanged"]
    text = text or as_text(worth)
    with ignore_broken_pipe():
        if text:
            click.echo(text)


def as_text(results: Sequence[Result]) -> str:
    """Return one line for each result; edits that stand in the way follow theirs."""
    interrupted = [row for row in results if (row.status, row.detail) == ("skipped", INTERRUPTED)]
    if len(interrupted) > 1:  # a ^C at the start printed a line for each of 230 images
        results = [row for row in results if row not in interrupted]
    rows = [(row.status, f"{row.image}@{row.stream}", format_detail(row)) for row in results]
    text = []
    for row, line in zip(results, align_texts(rows), strict=True):
        color = COLORS.get(row.status)
        text.append(click.style(row.status, fg=color) + line[len(row.status) :])
        if row.status == "refused":
            text += [f"    {line}" for line in diff_lines(row.edits, f"distgen diff {row.image}")]
    if len(interrupted) > 1:
        text.append(f"{click.style('skipped', fg='red')}  {len(interrupted)} images: {INTERRUPTED}")
    return "\n".join(text)


def diff_lines(edits: Iterable[Edit], command: str) -> list[str]:
    """Return what people did, as lines for a terminal; `command` shows those that are left out."""
    diff = "".join(edit.diff for edit in edits)
    lines, count = shorten_diff(diff, MOST_LINES, MOST_COLUMNS) if diff else ([], 0)
    more = [f"... {count} more line{'s' * (count > 1)}; see `{command}`"] if count else []
    return [printable(line) for line in lines] + more


def format_detail(result: Result) -> str:
    """Return what a line says behind the image: the commit, and why."""
    commit = (result.commit or "")[:12] if result.status not in ("refused", "failed") else ""
    return printable(f"{commit}  {result.detail}".strip())


def summary(results: Sequence[Result]) -> str:
    """Return the last line: how many images came to what."""
    counts = Counter(result.status for result in results)
    if not results:
        return "no images"
    if set(counts) == {"unchanged"}:
        stand = "1 branch is" if len(results) == 1 else f"{len(results)} branches are"
        edited = sum(bool(result.edits) for result in results)
        note = f"; {edited} {'has' if edited == 1 else 'have'} downstream edits" if edited else ""
        return f"nothing changed: {stand} as the catalogue says{note}"
    order: tuple[Status, ...] = (*COLORS, "unchanged")
    return ", ".join(f"{counts[status]} {status}" for status in order if counts[status])


def exit_code(results: Iterable[Result]) -> int:
    """Return 0 when all is well, 2 when the catalogue is wrong, else 1."""
    return max((result.exit_code for result in results if result.status in STOPPED), default=0)


def show_progress(
    session: Session, results: Iterable[Result], total: int, doing: str = "publishing"
) -> Iterable[Result]:
    """Pass results on, with a progress bar where somebody looks at a terminal."""
    with progress_bar(session, doing) as advance:
        advance(0, total, "")
        for done, result in enumerate(results, 1):
            advance(done, total, result.image)
            yield result
