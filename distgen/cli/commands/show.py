"""`distgen show`: one image with everything merged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from distgen.cli.commands.list import describe_image
from distgen.cli.session import Choice, Session, format_option, image_arguments, set_option
from distgen.model.catalogue import Image
from distgen.schema.yaml_writer import dump_documents


def whole(image: Image) -> dict[str, Any]:
    """Return the JSON object of `list`, and what goes into the image besides."""
    return {
        **describe_image(image),
        "description": image.description,
        "sources": {s.name: {"git": s.git, "ref": s.ref} for s in image.sources},
        "downloads": {d.name: {"url": d.url} for d in image.downloads},
        "files": [file.path for file in image.files],
        "patches": [patch.source for patch in image.patches],
        "layers": [{"layer": layer.name, "origin": str(layer.origin())} for layer in image.layers],
        "values": plain(image.values),
    }


def plain(value: Any) -> Any:
    """Return values as dicts, lists and the built-in scalars that writers of YAML know."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    for kind in (bool, str, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value


@click.command()
@image_arguments
@set_option
@format_option("text", "json")
@click.pass_obj
def command(session: Session, /, choice: Choice, sets: tuple[str, ...], form: str) -> None:
    """Show images with all overlays merged."""
    rows = [whole(image) for image in choice.of(session.catalogue(sets))]
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo(dump_documents(rows, width=100), nl=False)
