"""`distgen init`: a new catalogue to begin with."""

from __future__ import annotations

from pathlib import Path

import click

import distgen
from distgen.cli.session import SETTINGS, Session
from distgen.errors import DistgenError, InputError
from distgen.output.files import copy_new

PACKAGE = Path(distgen.__file__).parent
PARTS = ("distgen.yaml", "distgen.lock", "templates", "overlays")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=".")
@click.option("--minimal", is_flag=True, help="One small image instead of the default catalogue.")
@click.pass_obj
def command(session: Session, directory: Path, minimal: bool) -> None:
    """Make a catalogue in an empty folder."""
    source = PACKAGE / "minimal" if minimal else _default()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        obstacle = f"a catalogue ({SETTINGS})" if (directory / SETTINGS).exists() else "something"
        raise InputError(
            f"there is {obstacle} in it already",
            where=directory,
            hint="name an empty or a new folder",
        )
    copy_new(source, directory, parts=(*PARTS, ".gitignore", ".gitattributes"))
    session.say(f"made a catalogue in {directory}")
    session.say(f"next: distgen -C {directory} list; distgen -C {directory} publish")


def _default() -> Path:
    """Return the catalogue of the installed package, or that of the checkout it runs from."""
    for folder in (PACKAGE / "default", PACKAGE.parent):
        if (folder / SETTINGS).is_file() and (folder / "overlays").is_dir():
            return folder
    raise DistgenError(
        "the installed package holds no catalogue", where=PACKAGE, hint="install distgen-git again"
    )
