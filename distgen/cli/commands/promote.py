"""`distgen promote`: move a tag over a set of images to what was tested together."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from distgen.cli.commands.discover import mirrors
from distgen.cli.commands.list import table
from distgen.cli.option_groups import option_group
from distgen.cli.registry_options import jobs, registries, registry_option
from distgen.cli.session import Choice, Session, format_option, image_arguments
from distgen.errors import DistgenError, InputError
from distgen.model.reference import parse_reference, replace_registry
from distgen.output.files import replace_file
from distgen.registry.client import Registry
from distgen.registry.promote import Move, Target, check_undo, dump, plan, promote, undo

FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True)
class Promotion:
    """What the command line says about which tag to move, and how."""

    source: str | None
    target: str | None
    record: Path | None
    output: Path | None
    registry: str | None
    partial: bool
    dry_run: bool


@click.command()
@image_arguments
@option_group(
    Promotion,
    "wanted",
    click.option("--from", "source", metavar="TAG", help="The tag or digest that was tested."),
    click.option("--to", "target", metavar="TAG", help="The tag to move there."),
    click.option("--undo", "record", metavar="FILE", type=FILE, help="Take a promotion back."),
    click.option(
        "--record", "output", metavar="FILE", type=FILE, help="Where to write its record."
    ),
    registry_option("Work in this registry instead of the images'."),
    click.option("--partial", is_flag=True, help="Leave out images that are not there."),
    click.option("--dry-run", is_flag=True, help="Print what would move; move nothing."),
)
@jobs
@format_option("text", "json")
@click.pass_context
def command(ctx: click.Context, choice: Choice, *, wanted: Promotion, jobs: int, form: str) -> None:
    """Move a tag of many images to what was tested together, or of none.

    Every image must have the tag given with --from. What the tag pointed at before is recorded,
    so that --undo takes it back.
    """
    session: Session = ctx.obj
    asked = registries(session, mirrors(session), jobs)
    moves = plan_moves(session, asked, choice, wanted, jobs)
    broken = [move for move in moves if move.status in ("missing", "changed", "failed")]
    fatal = [move for move in broken if move.status == "failed" or not wanted.partial]
    if not fatal and not wanted.dry_run:
        moves = act(session, asked, moves, jobs, wanted)
    click.echo(report(moves, form), nl=False)
    session.say(f"{asked.transport.requests} requests to registries", level=1)
    if fatal:
        raise DistgenError(
            f"nothing was moved: {len(fatal)} of {len(moves)} images are not as they should be"
        )
    ctx.exit(int(any(move.status in ("failed", "restored") for move in moves)))


def plan_moves(
    session: Session, asked: Registry, choice: Choice, wanted: Promotion, parallel: int
) -> Sequence[Move]:
    """Return what is to move: to where the command line says, or back to what a record says."""
    if wanted.record is not None:
        if wanted.source or wanted.target or choice.patterns or wanted.output or wanted.registry:
            raise InputError("--undo takes nothing but the file of the record")
        try:
            text = wanted.record.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise InputError("the file is not text", where=wanted.record) from None
        return check_undo(asked, undo(text, wanted.record), parallel)
    if wanted.source and wanted.target:
        found = targets(session, choice, wanted.registry, wanted.source)
        return plan(asked, found, wanted.target, parallel)
    raise InputError("a promotion needs --from and --to", hint="or --undo FILE")


def targets(
    session: Session, choice: Choice, registry: str | None, source: str
) -> Sequence[Target]:
    """Return the repositories of the chosen images, each once."""
    found = {}
    for image in choice.of(session.catalogue()):
        name = replace_registry(image.reference.rpartition(":")[0], registry)
        found[name] = Target(image.full_name, parse_reference(name), source)
    return list(found.values())


def act(
    session: Session, asked: Registry, moves: Sequence[Move], parallel: int, wanted: Promotion
) -> tuple[Move, ...]:
    """Write down what is there now, then move."""
    going = [move for move in moves if move.status == "moves"]
    if not going:
        return tuple(moves)
    text = dump(going)
    path = (
        wanted.output or state(session) / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text)
    session.say(f"take it back with: distgen promote --undo {path}")
    return promote(asked, moves, parallel)


def state(session: Session) -> Path:
    """Return the folder for records of this user."""
    given = session.environ.get("XDG_STATE_HOME", "")
    home = Path(given) if given and Path(given).is_absolute() else Path.home() / ".local" / "state"
    return home / "distgen" / "promotions"


def report(moves: Sequence[Move], form: str) -> str:
    """Return one line or JSON object for each image."""
    if form == "json":
        counts = dict(sorted(Counter(move.status for move in moves).items()))
        rows = [asdict(move) for move in moves]
        return json.dumps({"results": rows, "summary": counts}, indent=2) + "\n"
    lines = [(move.status, move.reference, format_move(move)) for move in moves]
    return table(lines) + "\n" if lines else ""


def format_move(move: Move) -> str:
    """Return what a line says of a move: from where to where, or why not."""
    if move.detail:
        return move.detail.removeprefix(f"{move.reference}: ")
    if move.status == "unchanged":
        return short(move.new)
    return f"{short(move.old)} -> {short(move.new)}"


def short(digest: str | None) -> str:
    """Return enough of a digest to know it again."""
    return digest[:19] if digest else "nothing"
