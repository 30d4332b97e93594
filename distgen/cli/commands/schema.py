"""`distgen schema`: the JSON Schema of a kind of file."""

from __future__ import annotations

import json

import click

from distgen.schema.packaged import KINDS, load_schema


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
def command(kind: str) -> None:
    """Print the JSON Schema of a file of the catalogue, or of what a command prints."""
    click.echo(json.dumps(load_schema(kind), indent=2))
