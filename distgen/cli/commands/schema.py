"""`distgen schema`: the JSON Schema of a kind of file."""

from __future__ import annotations

import json
from textwrap import fill

import click

from distgen.schema.packaged import KINDS, load_schema

HELP = f"""Print the JSON Schema of a file of the catalogue, or of what a command prints.

\b
{fill(f"KIND is one of {', '.join(KINDS)}.", 76, break_on_hyphens=False)}
"""


@click.command(help=HELP)
@click.argument("kind", metavar="KIND", type=click.Choice(KINDS))
def command(kind: str) -> None:
    click.echo(json.dumps(load_schema(kind), indent=2))
