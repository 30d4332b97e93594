"""`distgen affected`: which images a change of the catalogue reaches, and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import click

from distgen.cli.session import Session, format_option, set_option
from distgen.cli.since import SinceOptions, compare_since, since_options
from distgen.cli.source_options import SourceOptions, load_catalogue, source_options
from distgen.compare.affected import (
    EFFECTS,
    AffectedImage,
    EffectKind,
    format_affected,
    list_affected,
)
from distgen.compare.comparison import select_keys
from distgen.errors import DistgenError, printable
from distgen.text.listing import name_some

COLORS: dict[EffectKind, str] = {"added": "green", "removed": "red", "rebuilt": "cyan"}


@click.command()
@since_options(required=True)
@set_option
@source_options
@format_option("text", "json")
@click.argument("patterns", metavar="[IMAGE]...", nargs=-1)
@click.pass_obj
def command(
    session: Session,
    /,
    since: SinceOptions,
    sets: tuple[str, ...],
    overrides: SourceOptions,
    form: str,
    patterns: tuple[str, ...],
) -> None:
    """Say which images changed since REV, which are built on them, and why.

    Both states are rendered and their trees compared. Images come in build order, each once:
    changed, added, removed, or rebuilt where only a parent differs.

    What is installed is the same on both sides: `distgen diff` without --since shows what an
    upgrade of Kolla, or of this program, does.
    """
    speculation, lock = load_catalogue(session, sets, overrides)
    comparison = compare_since(session, since, speculation, lock)
    affected = list_affected(comparison, select_keys(comparison, patterns))
    if form == "json":
        click.echo(json.dumps(format_affected(affected), indent=2))
    else:
        for image in affected:
            click.echo(describe(image))
    session.say(summarize(affected, comparison.revision.label))
    # The list is whole all the same: trees tell what changed, and reasons only explain it.
    refuse_unexplained([image.key for image in affected if not image.reasons])


def refuse_unexplained(keys: Sequence[str]) -> None:
    """Raise an error that names the images that changed without a reason."""
    if keys:
        raise DistgenError(
            f"{name_some(keys)} changed, and distgen does not know why",
            hint="this is an error of distgen: please report it",
        )


def describe(image: AffectedImage) -> str:
    """Return a line for an image, and one below it for each of its reasons."""
    first = click.style(f"{image.change:7}", fg=COLORS.get(image.change, "yellow"))
    said = {"added", "removed"}
    reasons = [f"\n         {printable(text)}" for text in image.reasons if text not in said]
    return f"{first}  {image.key}{''.join(reasons)}"


def summarize(affected: Sequence[AffectedImage], since: str) -> str:
    """Count the images of each kind, and say what the comparison leaves out."""
    counts = Counter(image.change for image in affected)
    numbers = [f"{counts[kind]} {kind}" for kind in EFFECTS if counts[kind]]
    sum_of_all = ", ".join(numbers) or "nothing changed"
    return f"{sum_of_all} since {since}, both rendered with what is installed now"
