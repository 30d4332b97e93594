"""`distgen schema`: the JSON Schema of a kind of file."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import click

from distgen.catalogue.editors import schema_files, schema_text, template_schema
from distgen.cli.session import Session
from distgen.errors import InputError
from distgen.output.files import explain_os_errors, replace_file
from distgen.schema.packaged import KINDS, load_schema

HELP = f"""Print the JSON Schema of a file of the catalogue, or of what a command prints.

\b
{fill(f"KIND is one of {', '.join(KINDS)}.", 76, break_on_hyphens=False)}
"""


@click.command(help=HELP)
@click.argument("kind", metavar="[KIND]", type=click.Choice(KINDS), required=False)
@click.option("--template", metavar="NAME", help="Type the values of an image of this template.")
@click.option(
    "--all", "with_all", is_flag=True, help="Write every schema, and one for each template."
)
@click.option(
    "-o", "--output", metavar="DIR", type=click.Path(path_type=Path), help="Where --all writes."
)
@click.pass_obj
def command(
    session: Session, kind: str | None, template: str | None, with_all: bool, output: Path | None
) -> None:
    if with_all != (output is not None) or with_all == (kind is not None):
        raise click.UsageError("name a KIND, or write all with --all -o DIR")
    if template is not None and kind != "image":
        raise click.UsageError("--template goes with the kind `image`")
    if output is not None:
        write_schemas(session, output, _catalogue(session))
    elif template is not None:
        click.echo(schema_text(template_schema(session.root, template)), nl=False)
    elif kind is not None:
        click.echo(schema_text(load_schema(kind)), nl=False)


def write_schemas(session: Session, folder: Path, root: Path | None) -> None:
    """Write every schema into a folder, with one for each template of a catalogue."""
    texts = schema_files(root)
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        replace_file(folder / name, text)
    session.say(f"wrote {len(texts)} schemas into {folder}")


def _catalogue(session: Session) -> Path | None:
    """Return the catalogue here, if this is one: the schemas of files are the same everywhere."""
    try:
        return session.root
    except InputError:
        if session.start is not None:
            raise
        return None
