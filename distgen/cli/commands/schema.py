"""`distgen schema`: the JSON Schema of a kind of file."""

from __future__ import annotations

import json

import click

from distgen.schema.check import load_schema, schema_kinds


@click.command()
@click.argument("kind", type=click.Choice(schema_kinds()))
def command(kind: str) -> None:
    """Print the JSON Schema of a file of the catalogue, or of what a command prints."""
    click.echo(json.dumps(load_schema(kind), indent=2))
