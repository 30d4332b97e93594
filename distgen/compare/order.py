"""Put groups in the order in which they are read; those that only repeat another go last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from distgen.compare.records import EditGroup
from distgen.model.words import CHANGE_KINDS, ChangeKind

CAUSES: tuple[ChangeKind, ...] = ("lost pin", "base", "source")
"""The kinds of groups that others repeat."""
REPEATS = -1
"""Stands in `EditGroup.repeats` as long as no number is known."""


def in_reading_order(groups: Iterable[EditGroup]) -> tuple[EditGroup, ...]:
    """Return the groups by kind, then those of most images first; what only repeats goes last."""

    def rank(group: EditGroup) -> tuple[bool, int, int, str]:
        kind = CHANGE_KINDS.index(group.kind)
        return (bool(group.repeats), kind, -len(group.members), group.path)

    groups = tuple(groups)
    causes = [group for group in groups if group.kind in CAUSES]
    marked = (
        replace(group, repeats=0) if group.repeats and not _find_cause(group, causes) else group
        for group in groups
    )
    ordered = sorted(marked, key=rank)
    return tuple(
        replace(group, repeats=_find_cause(group, ordered)) if group.repeats else group
        for group in ordered
    )


def _find_cause(repeat: EditGroup, groups: Sequence[EditGroup]) -> int:
    """Return the number of the group that moved a base or source in most of the same images."""
    images = {*repeat.images}
    shared = {
        number: len(images.intersection(group.images))
        for number, group in enumerate(groups, start=1)
        if group.kind in CAUSES
    }
    best = max(shared, key=lambda number: shared[number], default=0)
    return best if shared.get(best) else 0
