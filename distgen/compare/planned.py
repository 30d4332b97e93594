"""Turn the changes of a plan into the files of images before and after, and into diffs of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from distgen.compare.image_change import ImageChange, change_of_files
from distgen.compare.records import StoppedImage
from distgen.model.published import Change
from distgen.model.rendered import File
from distgen.model.words import ATTRIBUTES, COMMIT_STATUSES, MANIFEST, REGULAR
from distgen.text.git_diff import FileSide, diff_lines

OWN_FILES = (ATTRIBUTES, MANIFEST)
"""What distgen writes beside the rendered files; it follows from them."""
_STOPPED = ("refused", "failed", "skipped")


def planned_image(change: Change, hidden: Collection[str] = ()) -> ImageChange:
    """Return what a change does to the files of its image; those in `hidden` are left out."""
    if change.status not in COMMIT_STATUSES:
        return ImageChange(change.key, stopped=_stopped_image(change))
    before = _files_before(change) if change.parent is not None else None
    has_after = bool(change.write) or change.parent is None
    after = {file.path: file for file in change.write} if has_after else None
    return change_of_files(change.key, before, after, hidden)


def _files_before(change: Change) -> dict[str, File]:
    return {
        path: File(path, content, change.before_modes.get(path, REGULAR))
        for path, content in change.before.items()
        if content is not None
    }


def _stopped_image(change: Change) -> StoppedImage | None:
    """Return what a plan would not deliver, and why."""
    if change.status not in _STOPPED:
        return None
    diff = "".join(edit.diff for edit in change.edits)
    return StoppedImage(change.image, change.stream, change.status, change.detail, diff)


def format_change(change: Change, hidden: Collection[str] = ()) -> str:
    """Return what a change would do to its branch as git writes it; hidden files are left out."""
    after = {file.path: file for file in change.write}
    return format_files(change.key, _files_before(change), after, hidden)


def format_files(
    key: str, before: Mapping[str, File], after: Mapping[str, File], hidden: Collection[str] = ()
) -> str:
    """Return the difference of the files of one image as git writes it."""
    paths = sorted({*before, *after}, key=lambda path: (path == MANIFEST, path))
    lines = (
        line
        for path in paths  # what sums up the others goes last
        if path not in hidden
        for line in diff_lines(f"{key}/{path}", _side(before.get(path)), _side(after.get(path)))
    )
    return "".join(f"{line}\n" for line in lines)


def _side(file: File | None) -> FileSide:
    return FileSide(file.mode, file.content) if file else FileSide()
