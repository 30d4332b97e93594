"""Turn the changes of a plan into a grouped diff of all that publishing would do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from distgen.compare.diff import compare_trees, with_origins, with_rebuilt, with_stopped
from distgen.compare.planned import planned_trees, published_parents, stopped_images
from distgen.compare.records import GroupedDiff
from distgen.compare.revision_diff import origin_finder
from distgen.compare.words import words_by_image
from distgen.lint.work import Work
from distgen.model.published import Change


def compare_changes(work: Work, changes: Sequence[Change], hidden: Collection[str]) -> GroupedDiff:
    """Compare what repositories hold with what they would; files in `hidden` do not count."""
    before, after = planned_trees(changes)
    images = work.catalogue.images
    references = {change.key: published_parents(change) for change in changes}
    words_of = words_by_image(images, published_parents=references)
    diff = compare_trees(before, after, words_of, hidden, len(changes))
    diff = with_origins(diff, origin_finder(work))
    return with_stopped(with_rebuilt(diff, images), stopped_images(changes))
