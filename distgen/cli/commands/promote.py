"""`distgen promote`: move a tag over a set of images to what was tested together."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from distgen.cli.commands.discover import mirrors, parse_assignments
from distgen.cli.option_groups import option_group
from distgen.cli.registry_options import (
    UpstreamOptions,
    registries,
    registry_option,
    upstream_options,
)
from distgen.cli.session import Choice, Session, format_option, image_arguments
from distgen.cli.tables import align_rows
from distgen.cli.work import render_limits
from distgen.errors import DistgenError, InputError
from distgen.model.reference import parse_reference, replace_registry, untagged_name
from distgen.output.files import replace_file
from distgen.registry.client import Registry
from distgen.registry.errors import RegistryError
from distgen.registry.promote import (
    PromotionTarget,
    TagMove,
    check_undo,
    dump_record,
    moves_back,
    plan_promotion,
    promote,
    registries_that_keep_tags,
)
from distgen.tripleo.files import read_defaults, read_text, render_limited, template_at
from distgen.tripleo.lists import ContainerEntry, list_entries, template_entries

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


@dataclass(frozen=True)
class ListOptions:
    """What the command line says of a list of containers to promote."""

    path: Path | None
    template: Path | None
    defaults: Path | None
    sets: tuple[str, ...]


NO_LIST = ListOptions(None, None, None, ())


@click.command()
@image_arguments
@option_group(
    ListOptions,
    "containers",
    click.option("--list", "path", metavar="FILE", type=FILE, help="Images of a list, not ours."),
    click.option("--template", metavar="FILE", type=FILE, help="Images of the template of a list."),
    click.option("--defaults", metavar="FILE", type=FILE, help="Values for the template."),
    click.option("--set", "sets", metavar="KEY=VALUE", multiple=True, help="One value for it."),
)
@option_group(
    Promotion,
    "promotion",
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
@upstream_options
@format_option("text", "json")
@click.pass_context
def command(
    ctx: click.Context,
    choice: Choice,
    *,
    containers: ListOptions,
    promotion: Promotion,
    reach: UpstreamOptions,
    form: str,
) -> None:
    """Move a tag of many images to what was tested together, or of none.

    Every image must have the tag given with --from. What the tag pointed at before is recorded,
    so that --undo takes it back. With --list or --template, the images are those of a list of
    containers, and without --from each is tested under the tag that the list gives it.
    """
    session: Session = ctx.obj
    registry = registries(session, mirrors(session), reach)
    if containers == NO_LIST:
        moves = plan_moves(session, registry, choice, promotion, reach.jobs)
    else:
        if choice.patterns or promotion.record is not None or not promotion.target:
            raise InputError("a list of containers is promoted with --to, without IMAGE and --undo")
        repositories = listed_targets(session, containers, promotion)
        moves = plan_promotion(registry, repositories, promotion.target, reach.jobs)
    broken = [move for move in moves if move.status in ("missing", "changed", "failed")]
    fatal = [move for move in broken if move.status == "failed" or not promotion.partial]
    if not fatal and not promotion.dry_run:
        moves = act(session, registry, moves, reach.jobs, promotion)
    click.echo(report(moves, form), nl=False)
    session.say(f"{registry.transport.requests} requests to registries", level=1)
    if fatal:
        raise DistgenError(
            f"nothing was moved: {len(fatal)} of {len(moves)} images are not as they should be"
        )
    ctx.exit(int(any(move.status in ("failed", "restored") for move in moves)))


def plan_moves(
    session: Session, registry: Registry, choice: Choice, promotion: Promotion, parallel: int
) -> Sequence[TagMove]:
    """Return what is to move: to where the command line says, or back to what a record says."""
    if promotion.record is not None:
        if (
            promotion.source
            or promotion.target
            or choice.patterns
            or promotion.output
            or promotion.registry
        ):
            raise InputError("--undo takes nothing but the file of the record")
        try:
            text = promotion.record.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise InputError("the file is not text", where=promotion.record) from None
        return check_undo(registry, moves_back(text, promotion.record), parallel)
    if promotion.source and promotion.target:
        repositories = targets(session, choice, promotion.registry, promotion.source)
        return plan_promotion(registry, repositories, promotion.target, parallel)
    raise InputError("a promotion needs --from and --to", hint="or --undo FILE")


def targets(
    session: Session, choice: Choice, registry: str | None, source: str
) -> Sequence[PromotionTarget]:
    """Return the repositories of the chosen images, each once."""
    targets_by_name = {}
    for image in choice.of(session.catalogue()):
        name = replace_registry(untagged_name(image.reference), registry)
        targets_by_name[name] = PromotionTarget(image.full_name, parse_reference(name), source)
    return list(targets_by_name.values())


def listed_targets(
    session: Session, containers: ListOptions, promotion: Promotion
) -> Sequence[PromotionTarget]:
    """Return the repositories of a list of containers, each once, with the tag that was tested.

    Images that have a tag in the template itself are of others, who move their tags themselves.
    """
    targets_by_name: dict[str, PromotionTarget] = {}
    for entry in read_containers(session, containers):
        if entry.has_fixed_tag:
            session.say(f"left out {entry.name}: its tag {entry.tag} is that of the template")
            continue
        name = replace_registry(entry.name, promotion.registry)
        image = entry.name.partition("/")[2]
        target = PromotionTarget(image, parse_reference(name), promotion.source or entry.tag)
        if targets_by_name.setdefault(name, target) != target:
            raise InputError(
                f"{name} is there with two tags", where=containers.path or containers.template
            )
    if not targets_by_name:
        raise InputError("the list is empty", where=containers.path or containers.template)
    return list(targets_by_name.values())


def read_containers(session: Session, containers: ListOptions) -> Sequence[ContainerEntry]:
    """Return the images of the list, or of the template of one."""
    if containers.path is not None:
        if containers.template is not None:
            raise InputError("--list and --template are two lists", hint="leave one out")
        if containers.defaults is not None or containers.sets:
            raise InputError("these options are for a template", hint="add --template FILE")
        return list_entries(read_text(containers.path), str(containers.path))
    if containers.template is None:
        raise InputError("these options are for a template", hint="add --template FILE")
    defaults = read_defaults(containers.defaults) if containers.defaults else {}
    variables = {**defaults, **parse_assignments(containers.sets)}
    render = render_limited(render_limits(session))
    return template_entries(template_at(containers.template), variables, render=render)


def act(
    session: Session,
    registry: Registry,
    moves: Sequence[TagMove],
    parallel: int,
    promotion: Promotion,
) -> tuple[TagMove, ...]:
    """Write down what is there now, then move."""
    going = [move for move in moves if move.status == "moves"]
    if not going:
        return tuple(moves)
    text = dump_record(going)
    path = (
        promotion.output
        or state(session) / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text)
    session.say(f"take it back with: distgen promote --undo {path}")
    with suppress(RegistryError):  # the promotion itself may go well
        new_tags = [move for move in going if move.old is None]
        for name in registries_that_keep_tags(registry, new_tags):
            session.say(f"that takes --partial and leaves new tags: {name} does not delete tags")
    return promote(registry, moves, parallel)


def state(session: Session) -> Path:
    """Return the folder for records of this user."""
    folder = session.environ.get("XDG_STATE_HOME", "")
    home = (
        Path(folder) if folder and Path(folder).is_absolute() else Path.home() / ".local" / "state"
    )
    return home / "distgen" / "promotions"


def report(moves: Sequence[TagMove], form: str) -> str:
    """Return one line or JSON object for each image."""
    if form == "json":
        counts = dict(sorted(Counter(move.status for move in moves).items()))
        rows = [asdict(move) for move in moves]
        return json.dumps({"results": rows, "summary": counts}, indent=2) + "\n"
    lines = [(move.status, move.reference, format_move(move)) for move in moves]
    return align_rows(lines) + "\n" if lines else ""


def format_move(move: TagMove) -> str:
    """Return what a line says of a move: from where to where, or why not."""
    if move.detail:
        return move.detail.removeprefix(f"{move.reference}: ")
    if move.status == "unchanged":
        return short(move.new)
    return f"{short(move.old)} -> {short(move.new)}"


def short(digest: str | None) -> str:
    """Return enough of a digest to know it again."""
    return digest[:19] if digest else "nothing"
