"""What happens to the files of one image, without the hidden ones that only follow from others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from distgen.compare.edits import image_state
from distgen.compare.moves import NO_MOVES, ImageMoves, compare_manifests, read_manifest
from distgen.compare.records import ImageState, StoppedImage, Trees
from distgen.model.rendered import File

Files = Mapping[str, File]


@dataclass(frozen=True, slots=True)
class ImageChange:
    """The files of an image `before` and `after`, None where there are none.

    Files that stay as they are may be left out. `left_out` are the hidden ones that differ,
    `parents` the references of the parents that its branch was built on so far. An image that is
    `stopped` is not delivered, and has no files here.
    """

    key: str
    before: Files | None = field(default=None, repr=False)
    after: Files | None = field(default=None, repr=False)
    state: ImageState | None = None
    moves: ImageMoves = NO_MOVES
    left_out: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    stopped: StoppedImage | None = None


def change_of_files(
    key: str, before: Files | None, after: Files | None, hidden: Collection[str]
) -> ImageChange:
    """Return the change between the files of an image; of the manifest it keeps what moved."""
    manifests = [read_manifest(files or {}) for files in (before, after)]
    return ImageChange(
        key,
        _without(hidden, before),
        _without(hidden, after),
        image_state(before, after),
        compare_manifests(*manifests),
        tuple(path for path in hidden if (before or {}).get(path) != (after or {}).get(path)),
        tuple(manifests[0].bases) if manifests[0] else (),
    )


def changed_trees(changes: Collection[ImageChange]) -> tuple[Trees, Trees]:
    """Return the files of images as they are before the changes, and after them."""
    return (
        {change.key: change.before for change in changes if change.before is not None},
        {change.key: change.after for change in changes if change.after is not None},
    )


def _without(hidden: Collection[str], files: Files | None) -> Files | None:
    if files is None:
        return None
    return {path: file for path, file in files.items() if path not in hidden}
