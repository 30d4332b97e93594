"""`distgen export`: files in the formats of downstreams and neighbouring tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from distgen.cli.export_formats import make_command, make_refusal
from distgen.cli.session import Session
from distgen.cli.work import render_limits
from distgen.errors import InputError
from distgen.exports.formats import FORMATS
from distgen.exports.repository_formats import REPOSITORY_FORMATS
from distgen.output.files import replace_file
from distgen.tripleo.export import EntryFilter, render_entries
from distgen.tripleo.files import read_defaults, read_text, render_limited, template_at
from distgen.tripleo.heat import (
    HEADER,
    deployed_services,
    format_list,
    format_parameters,
    merge_environments,
    neutron_driver,
    parse_value,
)

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def command() -> None:
    """Write files in the formats of other tools."""


for _format in FORMATS:
    command.add_command(make_command(_format))
for _name in sorted({*REPOSITORY_FORMATS} - {*command.commands}):
    command.add_command(make_refusal(_name))


@command.command("tripleo")
@click.option(
    "--template", type=FILE, required=True, help="The container_images_template to render."
)
@click.option(
    "--defaults", type=FILE, help="A prepare-defaults file, whose first `set` gives values."
)
@click.option(
    "--set", "sets", metavar="NAME=VALUE", multiple=True, help="Give a value; may be repeated."
)
@click.option("--environment", type=FILE, help="Write the Heat environment of images to FILE.")
@click.option("-o", "--output", type=FILE, help="Write the list to FILE instead of stdout.")
@click.option(
    "--include",
    metavar="REGEX",
    multiple=True,
    help="Take only images whose name this is found in.",
)
@click.option(
    "--exclude", metavar="REGEX", multiple=True, help="Leave out such images; --include wins."
)
@click.option(
    "--service", "names", metavar="NAME", multiple=True, help="Take only images of this service."
)
@click.option("--roles", type=FILE, help="Take only images of services that these roles run.")
@click.option(
    "-e",
    "--deployment",
    type=FILE,
    multiple=True,
    help="A Heat environment that sets counts, services and drivers; may be repeated.",
)
@click.pass_obj
def export_tripleo(session: Session, /, template: Path, **options: Any) -> None:
    """Render TripleO's container image template into the plain list of images.

    Values come from --defaults, then from the mechanism drivers of --deployment, then from --set.
    """
    deployment = merge_environments(
        [(read_text(path), str(path)) for path in options["deployment"]]
    )
    values = dict(read_defaults(options["defaults"])) if options["defaults"] else {}
    if driver := neutron_driver(deployment):
        values["neutron_driver"] = driver
    values |= dict(_assignment(text) for text in options["sets"])
    named = options["names"]
    services = frozenset(named)
    if options["roles"]:
        services |= deployed_services(
            read_text(options["roles"]), str(options["roles"]), deployment
        )
    chosen = services if named or options["roles"] else None
    entry_filter = EntryFilter(options["include"], options["exclude"], chosen, named)
    render = render_limited(render_limits(session))
    entries = render_entries(template_at(template), values, entry_filter, render)
    if options["environment"] and options["environment"] == options["output"]:
        raise InputError("--environment and --output name the same file")
    if options["environment"]:
        _write(options["environment"], format_parameters(entries))
    if options["output"]:
        _write(options["output"], HEADER + format_list(entries))
    else:
        click.echo(format_list(entries), nl=False)
    session.say(f"{len(entries)} images", level=1)


def _assignment(text: str) -> tuple[str, str | bool | None]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise InputError(f"--set {text} is not an assignment", hint="write --set NAME=VALUE")
    return name, parse_value(value)


def _write(path: Path, text: str) -> None:
    """Write a file that is new or was written by this command; others may be somebody's input."""
    if path.exists() and not read_text(path).startswith(HEADER):
        raise InputError(
            "is there and was not written by distgen", where=path, hint="choose another name"
        )
    replace_file(path, text)
