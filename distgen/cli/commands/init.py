"""`distgen init`: make a new catalogue, and a git repository of it."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

import distgen
from distgen.cli.provenance import epoch
from distgen.cli.session import SETTINGS, Session
from distgen.errors import DistgenError, InputError
from distgen.git.repository import create_repository, open_repository
from distgen.git.run import Git, isolate
from distgen.output.files import copy_new, replace_file

PACKAGE = Path(distgen.__file__).parent
MESSAGE = "Begin a catalogue of images\n"
QUESTION = "Make it a git repository with a first commit?"
PARTS = ("distgen.yaml", "distgen.lock", "templates", "overlays")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=".")
@click.option("--minimal", is_flag=True, help="One small image instead of the default catalogue.")
@click.option(
    "--git/--no-git",
    "with_git",
    default=None,
    help="Make a git repository of it, with a first commit; a terminal is asked.",
)
@click.option(
    "--schemas",
    "with_schemas",
    is_flag=True,
    help="Write schemas into .schemas, and into each file the line by which editors find them.",
)
@click.pass_obj
def command(
    session: Session, directory: Path, minimal: bool, with_git: bool | None, with_schemas: bool
) -> None:
    """Make a catalogue in an empty folder."""
    source = PACKAGE / "minimal" if minimal else _default()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        obstacle = f"a catalogue ({SETTINGS})" if (directory / SETTINGS).exists() else "something"
        raise InputError(
            f"there is {obstacle} in it already",
            where=directory,
            hint="name an empty or a new folder",
        )
    git = _git_if_chosen(session, directory, with_git)
    copy_new(source, directory, parts=(*PARTS, ".gitignore", ".gitattributes"))
    session.say(f"made a catalogue in {directory}")
    if with_schemas:
        _add_schemas(session, directory)
    if git is not None:
        commit = create_repository(git, directory, MESSAGE, _now(session))
        session.say(f"made a git repository of it; its first commit is {commit[:12]}")
    session.say(f"next: distgen -C {directory} list; distgen -C {directory} publish")


def _add_schemas(session: Session, directory: Path) -> None:
    # Other catalogues are made without it, and need not read templates for it.
    from distgen.catalogue.editors import SCHEMAS, schema_lines
    from distgen.cli.commands.schema import write_schemas

    write_schemas(session, directory / SCHEMAS, directory)
    for path, line in tuple(schema_lines(directory)):
        file = directory / path
        replace_file(file, line + file.read_text(encoding="utf-8"))


def _git_if_chosen(session: Session, directory: Path, with_git: bool | None) -> Git | None:
    """Return git where a repository is to be made, None where none is.

    Only a terminal is asked, and not in a repository: the catalogue can be a part of that.
    """
    if with_git is False or (with_git is None and not session.can_ask):
        return None
    git = isolate(session.environ)
    if with_git is None:
        with open_repository(git, directory, or_above=True) as repository:
            if repository is not None or not click.confirm(QUESTION, default=True, err=True):
                return None
    return git


def _now(session: Session) -> datetime:
    """Return the date of the first commit; SOURCE_DATE_EPOCH makes it the same again."""
    if session.environ.get("SOURCE_DATE_EPOCH"):
        return datetime.fromtimestamp(epoch(session), timezone.utc)
    return datetime.now().astimezone()


def _default() -> Path:
    """Return the catalogue of the installed package, or that of the checkout it runs from."""
    for folder in (PACKAGE / "default", PACKAGE.parent):
        if (folder / SETTINGS).is_file() and (folder / "overlays").is_dir():
            return folder
    raise DistgenError(
        "the installed package holds no catalogue", where=PACKAGE, hint="install distgen-git again"
    )
