"""`distgen list`: the images of the catalogue, one line or JSON object each."""

from __future__ import annotations

import json
from typing import Any

import click

from distgen.cli.session import Choice, Session, format_option, image_arguments, set_option
from distgen.cli.tables import align_rows
from distgen.model.catalogue import Image


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
        from distgen.schema.yaml_writer import dump_yaml  # takes as long to load as a list

        click.echo(dump_yaml(rows), nl=False)
    elif form == "tripleo":
        from distgen.tripleo.heat import format_catalogue

        click.echo(format_catalogue(images), nl=False)
    elif rows:
        lines = [(row["image"], row["stream"], row["from"], row["reference"]) for row in rows]
        click.echo(align_rows([("IMAGE", "STREAM", "FROM", "REFERENCE"), *lines]))
