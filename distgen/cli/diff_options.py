"""The options of `distgen diff`: what is compared, how it is ordered, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from distgen.cli.option_groups import option_group
from distgen.cli.session import format_option
from distgen.cli.since import SinceOptions, since_options

MARKDOWN_LIMIT = 65_000


@dataclass(frozen=True)
class DiffOptions:
    """How the differences are shown."""

    since: SinceOptions
    by: str
    stat: bool
    form: str
    limit: int
    output: Path | None
    paged: bool
    all_files: bool
    exit_code: bool


diff_options = option_group(
    DiffOptions,
    "output",
    since_options(required=False),
    click.option(
        "--by",
        type=click.Choice(["group", "image"]),
        default="group",
        show_default=True,
        help="Show each edit once for all images that have it, or the whole diff of each image.",
    ),
    click.option("--stat", is_flag=True, help="Print the sum and one line for each group."),
    format_option("text", "json", "markdown", "html"),
    click.option(
        "--limit",
        metavar="BYTES",
        type=click.IntRange(min=1000),
        default=MARKDOWN_LIMIT,
        show_default=True,
        help="How long the Markdown that is printed may be; groups that do not fit are named.",
    ),
    click.option(
        "-o",
        "output",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write all of it into FILE, Markdown without a limit.",
    ),
    click.option("--no-pager", "paged", flag_value=False, default=True, help="Use no pager."),
    click.option(
        "--all-files", is_flag=True, help="Show .distgen.json and .gitattributes as well."
    ),
    click.option("--exit-code", is_flag=True, help="Exit 1 when there is a difference."),
)
