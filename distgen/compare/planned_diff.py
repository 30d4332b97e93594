"""Turn what a plan does to images into a grouped diff of all that publishing would do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from distgen.compare.diff import compare_changes, with_origins, with_rebuilt, with_stopped
from distgen.compare.image_change import ImageChange
from distgen.compare.records import GroupedDiff
from distgen.compare.revision_diff import origin_finder
from distgen.compare.words import words_by_image
from distgen.lint.work import Work


def compare_plan(
    work: Work, planned: Sequence[ImageChange], hidden: Collection[str]
) -> GroupedDiff:
    """Compare what repositories hold with what they would; files in `hidden` do not count."""
    images = work.catalogue.images
    references = {image.key: image.parents for image in planned}
    words_of = words_by_image(images, published_parents=references)
    diff = compare_changes(planned, words_of, hidden, len(planned))
    diff = with_origins(diff, origin_finder(work))
    stopped = (image.stopped for image in planned if image.stopped is not None)
    return with_stopped(with_rebuilt(diff, images), stopped)
