"""Compare the files of images before and after: groups of equal edits, and what they add up to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from distgen.catalogue.graph import children_by_key, reachable
from distgen.compare.describe import make_group
from distgen.compare.edits import list_runs
from distgen.compare.grouping import WordsOf
from distgen.compare.image_change import ImageChange, changed_trees
from distgen.compare.joining import group_runs
from distgen.compare.moves import MoveFinder
from distgen.compare.order import in_reading_order
from distgen.compare.records import (
    EditGroup,
    FileEdit,
    GroupedDiff,
    StoppedImage,
)
from distgen.model.catalogue import Image
from distgen.model.words import Origin

FindOrigin = Callable[[FileEdit], Origin | None]
"""Returns the line of the catalogue that the first line of an edit comes from."""


def compare_changes(
    changes: Collection[ImageChange], words_of: WordsOf, hidden: Collection[str], compared: int
) -> GroupedDiff:
    """Return the edits of changes in groups, in the order in which they are read."""
    old, new = changed_trees(changes)
    sets = group_runs(list_runs(old, new, hidden), words_of)
    moves = MoveFinder(old, new, {change.key: change.moves for change in changes})
    groups = in_reading_order([make_group(edit_set, moves) for edit_set in sets])
    # What has no files any more goes last.
    in_order = sorted(changes, key=lambda change: change.state == "removed")
    states = {change.key: change.state for change in in_order if change.state is not None}
    left_out = sorted({path for change in changes for path in change.left_out})
    return GroupedDiff(compared, states, groups, left_out=tuple(left_out))


def with_origins(diff: GroupedDiff, find_origin: FindOrigin) -> GroupedDiff:
    """Return the diff with the origin of one member of each group; all would take too long."""
    groups = tuple(replace(group, origin=_origin(group, find_origin)) for group in diff.groups)
    return replace(diff, groups=groups)


def with_stopped(diff: GroupedDiff, stopped: Iterable[StoppedImage]) -> GroupedDiff:
    """Return the diff with the images that nothing would be delivered to."""
    return replace(diff, stopped=tuple(stopped))


def with_rebuilt(
    diff: GroupedDiff, images: Collection[Image], more: Collection[str] = ()
) -> GroupedDiff:
    """Return the diff with the images that do not change and are built on some that do.

    `more` are built on some that are not in the diff.
    """
    children = children_by_key(images)
    affected = reachable((*diff.states, *more), lambda key: children.get(key, ()))
    present = {image.key for image in images}
    rebuilt = sorted(key for key in affected if key not in diff.states and key in present)
    return replace(diff, rebuilt=tuple(rebuilt))


def _origin(group: EditGroup, find_origin: FindOrigin) -> Origin | None:
    if group.operation in ("mode", "binary", "deleted"):
        return None
    return find_origin(group.edit(group.members[0]))
