"""What is said of a build: a line for each image, a summary, and the files that jobs read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from distgen.build.records import UNFINISHED, BuildResult
from distgen.build.report import count_build_statuses, format_build_report, format_digests
from distgen.cli.build_options import BuildChoices
from distgen.cli.events import write_results
from distgen.cli.streams import ignore_broken_pipe
from distgen.cli.tables import align_texts
from distgen.errors import printable
from distgen.model.catalogue import Image

COLORS = {"built": "green", "failed": "red", "skipped": "red"}


def sort_build_results(
    images: Sequence[Image], results: Iterable[BuildResult]
) -> list[BuildResult]:
    order = {image.key: number for number, image in enumerate(images)}
    return sorted(results, key=lambda result: order[result.key])


def build_exit_code(results: Sequence[BuildResult]) -> int:
    return max((result.exit_code for result in results if result.status in UNFINISHED), default=0)


def write_build_files(choices: BuildChoices, results: Sequence[BuildResult]) -> list[str]:
    """Write what a job reads afterwards; return what kept it from being written."""
    text = format_build_report(results)
    sentences = [write_results(choices.event_files.results, text)]
    if choices.digests is not None:
        sentences.append(write_results(choices.digests, format_digests(results).rstrip("\n")))
    return [sentence for sentence in sentences if sentence]


def print_build_results(form: str, results: Sequence[BuildResult]) -> None:
    with ignore_broken_pipe():
        if form == "json":
            click.echo(format_build_report(results))
            return
        rows = [(result.status, result.key, _describe(result)) for result in results]
        for result, line in zip(results, align_texts(rows), strict=True):
            status = click.style(result.status, fg=COLORS.get(result.status))
            click.echo(status + line[len(result.status) :])


def _describe(result: BuildResult) -> str:
    """Return what a line says behind the image: its commit, what was pushed, and why."""
    commit = (result.commit or "")[:12]
    parts = (commit, result.digest or "", result.detail)
    return printable("  ".join(part for part in parts if part))


def summarize_build(results: Sequence[BuildResult]) -> str:
    counts = count_build_statuses(results)
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "no images"
