"""Move one tag of a whole set of images, or of none, and take such a promotion back."""

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
_CANNOT_GO = "it was not there before, and the registry does not delete tags"


@dataclass(frozen=True, slots=True)
class TagMove:
    """A move of one tag between digests; `old` None creates the tag, `new` None removes it.

    `reference` ends in the tag that moves.
    """

    image: str
    reference: str
    old: str | None
    new: str | None
    status: Status = "moves"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PromotionTarget:
    """A repository of the set, and the tag or digest that its tag is to be moved to."""

    image: str
    repository: Reference
    version: str | None


def plan_promotion(
    registry: Registry, targets: Sequence[PromotionTarget], tag: str, parallel: int
) -> tuple[TagMove, ...]:
    """Look up where the tag is and where it goes to, in every repository of the set."""
    tasks = [partial(_plan_move, registry, target, tag) for target in targets]
    return _sort_moves(run_parallel(tasks, parallel))


def promote(registry: Registry, moves: Sequence[TagMove], parallel: int) -> tuple[TagMove, ...]:
    """Move the tags, and all of them back when one cannot be moved; verify them afterwards."""
    results = _for_each_move(registry, moves, parallel, _move_tag)
    if any(move.status == "failed" for move in results):
        return _for_each_move(registry, results, parallel, _take_back)
    return _for_each_move(registry, results, parallel, _verify_move)


def dump_record(moves: Iterable[TagMove]) -> str:
    """Return the record from which `moves_back` restores the tags."""
    rows = [
        {key: value for key, value in asdict(move).items() if key not in ("status", "detail")}
        for move in moves
    ]
    return json.dumps({"version": VERSION, "moves": rows}, indent=2) + "\n"


def moves_back(text: str, where: object) -> tuple[TagMove, ...]:
    """Return the moves that take back those of a record; no registry is asked yet."""
    try:
        data = json.loads(text)
        if data["version"] != VERSION:
            raise ValueError
        return tuple(_move_back_of_row(row, where) for row in data["moves"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError("the file is not a promotion record", where=where) from None


def check_undo(registry: Registry, moves: Sequence[TagMove], parallel: int) -> tuple[TagMove, ...]:
    """Look up whether tags are where the record left them, and old digests are still served."""
    checked = _for_each_move(registry, moves, parallel, _check_move)
    deletions = [move for move in checked if move.status == "moves" and move.new is None]
    keepers = registries_that_keep_tags(registry, deletions)
    detail = f"{_CANNOT_GO}; --partial takes back the others"
    return tuple(
        replace(move, status="missing", detail=detail)
        if move in deletions and parse_reference(move.reference).registry in keepers
        else move
        for move in checked
    )


def registries_that_keep_tags(registry: Registry, moves: Iterable[TagMove]) -> tuple[str, ...]:
    """Return the registries of tags that do not delete tags, each asked once."""
    references = [parse_reference(move.reference) for move in moves]
    by_registry = {reference.registry: reference for reference in references}
    return tuple(
        sorted(name for name, first in by_registry.items() if not registry.deletes_tags(first))
    )


def _move_back_of_row(row: Any, where: object) -> TagMove:
    old, new = row["old"], row["new"]
    reference = parse_reference(str(row["reference"]), where)
    digests = [digest for digest in (old, new) if digest is not None]
    if not reference.tag or not all(
        isinstance(digest, str) and is_digest(digest) for digest in digests
    ):
        raise ValueError
    return TagMove(str(row["image"]), str(reference), new, old)


def _plan_move(registry: Registry, target: PromotionTarget, tag: str) -> Iterable[TagMove]:
    if not is_tag(tag):
        raise InputError(f"{tag!r} cannot be a tag")
    reference = target.repository.at(tag)
    move = TagMove(target.image, str(reference), None, None)
    try:
        move = replace(move, old=_tag_digest(registry, reference))
        new = registry.manifest(target.repository.at(str(target.version))).digest
    except NotFound as gone:
        return [replace(move, status="missing", detail=str(gone))]
    except DistgenError as error:
        return [replace(move, status="failed", detail=str(error))]
    return [replace(move, new=new, status="unchanged" if new == move.old else "moves")]


def _check_move(registry: Registry, move: TagMove) -> TagMove:
    reference = parse_reference(move.reference)
    digest = _tag_digest(registry, reference)
    if digest == move.new:
        return replace(move, status="unchanged")
    if digest != move.old:
        change = f"moved to {digest}" if digest else "deleted"
        return replace(move, status="changed", detail=f"it was {change} since")
    if move.new is not None:
        registry.manifest(reference.at(move.new))
    return move


def _move_tag(registry: Registry, move: TagMove) -> TagMove:
    if move.status != "moves":
        return move
    _point_tag(registry, parse_reference(move.reference), move.new)
    return replace(move, status="promoted")


def _take_back(registry: Registry, move: TagMove) -> TagMove:
    """Take one move back; a failed one may have arrived, so it is taken back, too."""
    if move.status not in ("promoted", "failed"):
        return move
    try:
        _point_tag(registry, parse_reference(move.reference), move.old)
    except DistgenError as error:
        if move.status == "failed":
            return move
        return replace(move, status="failed", detail=f"it could not be taken back: {error}")
    if move.status == "failed":
        return move
    return replace(move, status="restored", detail="another image could not be moved")


def _verify_move(registry: Registry, move: TagMove) -> TagMove:
    if move.status != "promoted":
        return move
    digest = _tag_digest(registry, parse_reference(move.reference))
    if digest == move.new:
        return move
    return replace(move, status="failed", detail=f"it is {digest} now: somebody else moved it")


def _point_tag(registry: Registry, reference: Reference, digest: str | None) -> None:
    if digest is not None:
        registry.put(reference, _fetch_manifest(registry, reference, digest))
    elif _tag_digest(registry, reference) is not None and not registry.delete(reference):
        raise DistgenError(_CANNOT_GO, where=reference)


def _fetch_manifest(registry: Registry, reference: Reference, digest: str) -> ImageManifest:
    return registry.manifest(reference.at(digest))


def _tag_digest(registry: Registry, reference: Reference) -> str | None:
    try:
        return registry.digest(reference)
    except NotFound:
        return None


def _for_each_move(
    registry: Registry,
    moves: Sequence[TagMove],
    parallel: int,
    act: Callable[[Registry, TagMove], TagMove],
) -> tuple[TagMove, ...]:
    def result_of(move: TagMove) -> Iterable[TagMove]:
        try:
            return [act(registry, move)]
        except DistgenError as error:
            return [replace(move, status="failed", detail=str(error))]

    return _sort_moves(run_parallel([partial(result_of, move) for move in moves], parallel))


def _sort_moves(moves: Iterable[TagMove]) -> tuple[TagMove, ...]:
    return tuple(sorted(moves, key=lambda move: (move.image, move.reference)))
