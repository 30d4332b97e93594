"""`distgen schema`: the JSON Schema of a kind of file."""

from __future__ import annotations

import json

import click

from distgen.schema import check


@click.command()
@click.argument("kind", type=click.Choice(check.kinds()))
def command(kind: str) -> None:
    """Print the JSON Schema of a file of the catalogue, or of what a command prints."""
    click.echo(json.dumps(check.load(kind), indent=2))
