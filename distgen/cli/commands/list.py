"""`distgen list`: the images of the catalogue, one line or JSON object each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from distgen.cli.session import Choice, Session, format_option, image_arguments, set_option
from distgen.model.catalogue import Image
from distgen.schema.yaml_writer import dump_yaml
from distgen.tripleo.heat import format_catalogue


def describe_image(image: Image) -> dict[str, Any]:
    """Return the JSON object of one image; its keys are stable."""
    base = next((parent for parent in image.parents if parent.role == "base"), None)
    return {
        "image": image.full_name,
        "namespace": image.namespace,
        "name": image.name,
        "stream": image.stream.name,
        "branch": image.stream.branch,
        "template": image.template,
        "from": (base.image or base.reference) if base else "scratch",
        "parents": [parent.image or parent.reference for parent in image.parents],
        "reference": image.reference,
        "tags": list(image.stream.tags),
        "url": image.url,
    }


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align rows in columns, without blanks at the ends of lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def texts(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align rows and return a text for each; further lines of its last cell stand below it."""
    heads = [(*row[:-1], row[-1].partition("\n")[0]) for row in rows]
    lines = table(heads).splitlines() if rows else []
    more = [row[-1].splitlines()[1:] for row in rows]
    return [
        "\n".join((line, *(f"    {part}" for part in below)))
        for line, below in zip(lines, more, strict=True)
    ]


@click.command()
@image_arguments
@set_option
@format_option("text", "json", "yaml", "tripleo")
@click.pass_obj
def command(session: Session, /, choice: Choice, sets: tuple[str, ...], form: str) -> None:
    """List the images, parents first."""
    images = choice.of(session.catalogue(sets))
    rows = [describe_image(image) for image in images]
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
    elif form == "yaml":
        click.echo(dump_yaml(rows), nl=False)
    elif form == "tripleo":
        click.echo(format_catalogue(images), nl=False)
    elif rows:
        lines = [(row["image"], row["stream"], row["from"], row["reference"]) for row in rows]
        click.echo(table([("IMAGE", "STREAM", "FROM", "REFERENCE"), *lines]))
