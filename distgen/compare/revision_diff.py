"""Turn two states of a catalogue into a grouped diff of all that they render."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from distgen.catalogue.graph import children_by_key, reachable, with_ancestors
from distgen.compare.comparison import Comparison, TreePair, pair_trees
from distgen.compare.diff import FindOrigin, compare_changes, with_origins, with_rebuilt
from distgen.compare.image_change import Files, ImageChange, change_of_files
from distgen.compare.planned import OWN_FILES
from distgen.compare.reasons import ReasonFinder
from distgen.compare.records import FileEdit, GroupedDiff
from distgen.compare.words import words_by_image
from distgen.dockerfile.filename import is_dockerfile
from distgen.lint.work import Work
from distgen.model.catalogue import Image
from distgen.model.rendered import File, Tree
from distgen.model.words import Origin
from distgen.render.manifest import published_files


@dataclass(frozen=True)
class RevisionDiff:
    """What a change of the catalogue does to all images, and to each that changes.

    `reasons` are those of images of both states, where a reason finder was there to find them.
    `unasked` are images that change or are rebuilt, and that nobody asked for.
    """

    diff: GroupedDiff
    changes: tuple[ImageChange, ...] = field(repr=False)
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unasked: Collection[str] = ()


def compare_revisions(
    comparison: Comparison,
    keys: Collection[str],
    hidden: Collection[str],
    reason_finder: ReasonFinder | None = None,
) -> RevisionDiff:
    """Render these images of both states and compare them; only what differs is kept.

    What they are built on is looked at as well: it tells which of them are rebuilt.
    """
    images = comparison.now.catalogue.images
    images_now = {image.key: image for image in images}
    changed_parents: list[str] = []
    changes: list[ImageChange] = []
    reasons: dict[str, tuple[str, ...]] = {}
    compared = 0
    for pair in pair_trees(comparison, {*keys, *with_ancestors(images_now, keys)}):
        compared += pair.key in keys
        if pair.differs and pair.key not in keys:
            changed_parents.append(pair.key)
        elif pair.differs:
            changes.append(change_of_files(pair.key, *_differing_files(pair), hidden))
            # Renderers still know what they read for the last image.
            if reason_finder and pair.before is not None and pair.now is not None:
                reasons[pair.key] = reason_finder.find_reasons(pair.key)
    words_of = words_by_image(images, comparison.before.catalogue.images)
    diff = compare_changes(changes, words_of, hidden, compared)
    children = children_by_key(images)
    below = reachable(changed_parents, lambda key: children.get(key, ()))
    diff = with_rebuilt(diff, images, {*keys} & {*below})
    diff = with_origins(diff, origin_finder(comparison.now))
    diff = replace(diff, since=comparison.revision.label)
    return RevisionDiff(diff, tuple(changes), reasons, {*below} - {*keys})


def origin_finder(work: Work) -> FindOrigin:
    """Return a function that finds the line of the catalogue that an edit comes from.

    The templates of another source have no lines here, so their file is named without one.
    """
    images = {image.key: image for image in work.catalogue.images}

    def find(edit: FileEdit) -> Origin | None:
        image = images.get(edit.image)
        if image is None or not edit.new_start or edit.path in OWN_FILES:
            return None
        origins = work.renderer.line_map(image, edit.path)
        origin = origins[edit.new_start - 1] if edit.new_start <= len(origins) else None
        return _without_line(image, edit.path, origin) if origin else None

    return find


def _without_line(image: Image, path: str, origin: Origin) -> Origin:
    sources = {file.source for file in image.files if not file.source.startswith("overlays/")}
    if not image.imported_from or origin.path not in sources:
        return origin
    base = image.base
    is_template = is_dockerfile(path) and base is not None and base.origin.path
    return Origin(base.origin.path if base and is_template else origin.path)


def _differing_files(pair: TreePair) -> tuple[Files | None, Files | None]:
    """Return the files before and now that the other side does not have as they are."""
    before, now = (_files(tree) if tree else None for tree in (pair.before, pair.now))
    return _other_files(before, now), _other_files(now, before)


def _other_files(files: Files | None, others: Files | None) -> Files | None:
    if files is None or others is None:
        return files
    return {path: file for path, file in files.items() if others.get(path) != file}


def _files(tree: Tree) -> dict[str, File]:
    return {file.path: file for file in published_files(tree)}
