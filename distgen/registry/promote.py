"""Drive the move of one tag over a whole set of images, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

from distgen.errors import DistgenError, InputError
from distgen.model.reference import Reference, is_digest, is_tag, parse_reference
from distgen.pool import run_parallel
from distgen.registry.client import Registry
from distgen.registry.errors import NotFound
from distgen.registry.oci import ImageManifest

Status = Literal["moves", "unchanged", "missing", "changed", "failed", "promoted", "restored"]
VERSION = 1


@dataclass(frozen=True, slots=True)
class Move:
    """A tag of one repository on its way from `old` (None: not there yet) to `new` (None: away).

    `reference` ends in the tag that moves.
    """

    image: str
    reference: str
    old: str | None
    new: str | None
    status: Status = "moves"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A repository of the set, and the tag or digest that its tag is to be moved to."""

    image: str
    repository: Reference
    version: str | None


def plan(
    registry: Registry, targets: Sequence[Target], tag: str, parallel: int
) -> tuple[Move, ...]:
    """Look up where the tag is and where it goes to, in every repository of the set."""
    tasks = [partial(_planned, registry, target, tag) for target in targets]
    return _in_order(run_parallel(tasks, parallel))


def promote(registry: Registry, moves: Sequence[Move], parallel: int) -> tuple[Move, ...]:
    """Move the tags, and all of them back when one cannot be moved; verify them afterwards."""
    done = _each(registry, moves, parallel, _moved)
    if any(move.status == "failed" for move in done):
        return _each(registry, done, parallel, _back)
    return _each(registry, done, parallel, _verified)


def dump(moves: Iterable[Move]) -> str:
    """Return the record from which `undo` restores what was before."""
    rows = [
        {key: value for key, value in asdict(move).items() if key not in ("status", "detail")}
        for move in moves
    ]
    return json.dumps({"version": VERSION, "moves": rows}, indent=2) + "\n"


def undo(text: str, where: object) -> tuple[Move, ...]:
    """Return the moves that take back those of a record; nothing is asked yet."""
    try:
        data = json.loads(text)
        if data["version"] != VERSION:
            raise ValueError
        return tuple(_reversed(row, where) for row in data["moves"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError("the file is no record of a promotion", where=where) from None


def check_undo(registry: Registry, moves: Sequence[Move], parallel: int) -> tuple[Move, ...]:
    """See that the tags are where the record left them, and that what they go back to is served."""
    return _each(registry, moves, parallel, _undoable)


def _reversed(row: Any, where: object) -> Move:
    old, new = row["old"], row["new"]
    reference = parse_reference(str(row["reference"]), where)
    digests = [digest for digest in (old, new) if digest is not None]
    if not reference.tag or not all(isinstance(one, str) and is_digest(one) for one in digests):
        raise ValueError
    return Move(str(row["image"]), str(reference), new, old)


def _planned(registry: Registry, target: Target, tag: str) -> Iterable[Move]:
    if not is_tag(tag):
        raise InputError(f"{tag!r} cannot be a tag")
    reference = target.repository.at(tag)
    move = Move(target.image, str(reference), None, None)
    try:
        move = replace(move, old=_digest(registry, reference))
        new = registry.manifest(target.repository.at(str(target.version))).digest
    except NotFound as gone:
        return [replace(move, status="missing", detail=str(gone))]
    except DistgenError as error:
        return [replace(move, status="failed", detail=str(error))]
    return [replace(move, new=new, status="unchanged" if new == move.old else "moves")]


def _undoable(registry: Registry, move: Move) -> Move:
    reference = parse_reference(move.reference)
    now = _digest(registry, reference)
    if now == move.new:
        return replace(move, status="unchanged")
    if now != move.old:
        where = f"moved to {now}" if now else "deleted"
        return replace(move, status="changed", detail=f"it was {where} since")
    if move.new is not None:
        registry.manifest(reference.at(move.new))
    return move


def _moved(registry: Registry, move: Move) -> Move:
    if move.status != "moves":
        return move
    _put(registry, parse_reference(move.reference), move.new)
    return replace(move, status="promoted")


def _back(registry: Registry, move: Move) -> Move:
    """Take one move back; of a failed one nobody knows whether it arrived."""
    if move.status not in ("promoted", "failed"):
        return move
    try:
        _put(registry, parse_reference(move.reference), move.old)
    except DistgenError as error:
        if move.status == "failed":
            return move
        return replace(move, status="failed", detail=f"it could not be taken back: {error}")
    if move.status == "failed":
        return move
    return replace(move, status="restored", detail="another image could not be moved")


def _verified(registry: Registry, move: Move) -> Move:
    if move.status != "promoted":
        return move
    now = _digest(registry, parse_reference(move.reference))
    if now == move.new:
        return move
    return replace(move, status="failed", detail=f"it is {now} now: somebody else moved it")


def _put(registry: Registry, reference: Reference, digest: str | None) -> None:
    if digest is not None:
        registry.put(reference, _manifest(registry, reference, digest))
    elif _digest(registry, reference) is not None and not registry.delete(reference):
        raise DistgenError(
            "it was not there before, and the registry does not delete tags", where=reference
        )


def _manifest(registry: Registry, reference: Reference, digest: str) -> ImageManifest:
    return registry.manifest(reference.at(digest))


def _digest(registry: Registry, reference: Reference) -> str | None:
    try:
        return registry.digest(reference)
    except NotFound:
        return None


def _each(
    registry: Registry,
    moves: Sequence[Move],
    parallel: int,
    act: Callable[[Registry, Move], Move],
) -> tuple[Move, ...]:
    def one(move: Move) -> Iterable[Move]:
        try:
            return [act(registry, move)]
        except DistgenError as error:
            return [replace(move, status="failed", detail=str(error))]

    return _in_order(run_parallel([partial(one, move) for move in moves], parallel))


def _in_order(moves: Iterable[Move]) -> tuple[Move, ...]:
    return tuple(sorted(moves, key=lambda move: (move.image, move.reference)))
