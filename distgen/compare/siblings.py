"""Find planned changes that are the same but for words of their images, in other repositories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from distgen.compare.edits import list_edits
from distgen.compare.grouping import group_edits
from distgen.compare.image_change import changed_trees
from distgen.compare.planned import OWN_FILES, planned_image
from distgen.compare.words import words_by_image
from distgen.model.catalogue import Image
from distgen.model.published import Change


def find_siblings(
    changes: Iterable[Change], images: Iterable[Image]
) -> Mapping[str, tuple[str, ...]]:
    """Return for the key of each change those of the same change, one for each other repository."""
    by_key = {change.key: change for change in changes}
    planned = [planned_image(change, OWN_FILES) for change in by_key.values()]
    references = {image.key: image.parents for image in planned}
    words_of = words_by_image(images, published_parents=references)
    edits = list_edits(*changed_trees(planned), hidden=OWN_FILES)
    groups_by_key: dict[str, set[int]] = {}
    for number, group in enumerate(group_edits(edits, words_of)):
        for edit in group.edits:
            groups_by_key.setdefault(edit.image, set()).add(number)
    alike: dict[frozenset[int], list[str]] = {}
    for key, numbers in groups_by_key.items():
        alike.setdefault(frozenset(numbers), []).append(key)
    return {
        key: tuple(_one_per_repository(by_key[key], (by_key[other] for other in keys)))
        for keys in alike.values()
        if len(keys) > 1
        for key in keys
    }


def _one_per_repository(change: Change, siblings: Iterable[Change]) -> Iterable[str]:
    keys = {other.url: other.key for other in siblings if other.url != change.url}
    return keys.values()
