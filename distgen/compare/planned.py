"""Turn the changes of a plan into the files of images before and after, and into diffs of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from distgen.compare.records import StoppedImage, Trees
from distgen.errors import DistgenError
from distgen.model.published import Change
from distgen.model.rendered import File
from distgen.model.words import ATTRIBUTES, COMMIT_STATUSES, MANIFEST, REGULAR
from distgen.render.manifest import parse_manifest
from distgen.text.git_diff import FileSide, diff_lines

OWN_FILES = (ATTRIBUTES, MANIFEST)
"""What distgen writes beside the rendered files; it follows from them."""
_STOPPED = ("refused", "failed", "skipped")


def planned_trees(changes: Iterable[Change]) -> tuple[Trees, Trees]:
    """Return the files that changes write or delete, as they are and as they will be."""
    before: dict[str, Mapping[str, File]] = {}
    after: dict[str, Mapping[str, File]] = {}
    for change in changes:
        if change.status not in COMMIT_STATUSES:
            continue
        if change.parent is not None:
            before[change.key] = _files_before(change)
        if change.write or change.parent is None:
            after[change.key] = {file.path: file for file in change.write}
    return before, after


def _files_before(change: Change) -> dict[str, File]:
    return {
        path: File(path, content, change.before_modes.get(path, REGULAR))
        for path, content in change.before.items()
        if content is not None
    }


def published_parents(change: Change) -> tuple[str, ...]:
    """Return the references of the parents that the branch was built on so far."""
    content = change.before.get(MANIFEST)
    try:
        return tuple(parse_manifest(content).bases) if content else ()
    except DistgenError:
        return ()  # somebody edited it, which the plan says


def stopped_images(changes: Iterable[Change]) -> Iterator[StoppedImage]:
    """Yield what a plan would not deliver, and why."""
    for change in changes:
        if change.status in _STOPPED:
            diff = "".join(edit.diff for edit in change.edits)
            yield StoppedImage(change.image, change.stream, change.status, change.detail, diff)


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
