"""List the images that differ between two states of a catalogue, and those built on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from distgen.catalogue.graph import with_ancestors
from distgen.compare.comparison import Comparison, TreePair, pair_trees
from distgen.compare.reasons import ReasonFinder
from distgen.model.catalogue import Image

EffectKind = Literal["changed", "added", "removed", "rebuilt"]
EFFECTS: tuple[EffectKind, ...] = get_args(EffectKind)


@dataclass(frozen=True, slots=True)
class AffectedImage:
    """An image that differs, or that is built on one that does: `rebuilt`.

    `level` is its step of the build order, of now or, for one that was removed, of then.
    """

    image: str
    stream: str
    change: EffectKind
    reasons: tuple[str, ...]
    level: int

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"


def list_affected(comparison: Comparison, keys: Collection[str]) -> tuple[AffectedImage, ...]:
    """Return what of these images is affected, in build order; each is there once."""
    now = {image.key: image for image in comparison.now.catalogue.images}
    reason_finder = ReasonFinder(comparison)
    affected: dict[str, AffectedImage] = {}
    # Whether an image is built anew is known when all that it builds on is known.
    for pair in pair_trees(comparison, {*keys, *with_ancestors(now, keys)}):
        parents = now[pair.key].parent_keys if pair.key in now else ()
        inherited = tuple(f"parent:{key}" for key in dict.fromkeys(parents) if key in affected)
        change = _effect(pair, inherited)
        if change is None:
            continue
        own_reasons = reason_finder.find_reasons(pair.key) if change == "changed" else ()
        reasons = (change,) if change in ("added", "removed") else (*own_reasons, *inherited)
        image, _, stream = pair.key.partition("@")
        affected[pair.key] = AffectedImage(image, stream, change, reasons, pair.level)
    return tuple(image for key, image in affected.items() if key in keys)


def add_inherited_reasons(
    images: Iterable[Image],
    changes: Mapping[str, str],
    own_reasons: Mapping[str, tuple[str, ...]],
) -> Mapping[str, tuple[str, ...]]:
    """Return why images are affected, as `list_affected` says it, from reasons of their own."""
    parents = {image.key: dict.fromkeys(image.parent_keys) for image in images}
    return {
        key: (change,)
        if change in ("added", "removed")
        else (
            *own_reasons.get(key, ()),
            *(f"parent:{parent}" for parent in parents.get(key, ()) if parent in changes),
        )
        for key, change in changes.items()
    }


def format_affected(images: Iterable[AffectedImage]) -> list[dict[str, Any]]:
    """Return the objects of `distgen affected --format json`; their keys are stable."""
    return [{**asdict(image), "reasons": list(image.reasons)} for image in images]


def _effect(pair: TreePair, inherited: tuple[str, ...]) -> EffectKind | None:
    if pair.before is None:
        return "added"
    if pair.now is None:
        return "removed"
    if pair.differs:
        return "changed"
    return "rebuilt" if inherited else None
