"""Turn the files of images before and after into edits, by paragraph and by line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from distgen.compare.records import FileEdit, ImageState, Operation, Trees
from distgen.model.rendered import File
from distgen.text.cuts import TextChange, cut_change
from distgen.text.diff import is_binary
from distgen.text.hunks import TextHunk

_CHANGES_KEPT = 256
"""Changes of files that are not worked out again for the next image that has the same."""


@dataclass(frozen=True, slots=True)
class EditRun:
    """Edits of one paragraph of a file, which are read apart or together.

    `change` is there where it has several, and `paragraph` is the number of it there.
    """

    edits: tuple[FileEdit, ...]
    change: TextChange | None = field(default=None, repr=False)
    paragraph: int = 0

    def join(self, first: int, last: int) -> FileEdit:
        """Return neighbouring edits as one."""
        edit = self.edits[first]
        if first == last or self.change is None:
            return edit
        hunk = self.change.hunk(self.paragraph, first, last)
        return changed_lines(edit.image, edit.path, hunk)


class _LineStore:
    """The lines of edits, each there once: thousands of images may hold much the same files."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}
        self.cut_change = lru_cache(_CHANGES_KEPT)(cut_change)
        self.whole_lines = lru_cache(_CHANGES_KEPT)(self._read_whole_lines)

    def share(self, lines: Iterable[str]) -> tuple[str, ...]:
        """Return lines as they are here already."""
        return tuple(self._lines.setdefault(line, line) for line in lines)

    def _read_whole_lines(self, old: bytes, new: bytes) -> tuple[str, ...]:
        """Return the lines of a file that comes or goes."""
        return self.share(line for hunk in whole_hunks(old, new) for line in hunk.lines)


def list_edits(old: Trees, new: Trees, hidden: Collection[str] = ()) -> Iterator[FileEdit]:
    """Yield the edits of all images, each as small as it can be read alone."""
    for run in list_runs(old, new, hidden):
        yield from run.edits


def list_runs(old: Trees, new: Trees, hidden: Collection[str] = ()) -> Iterator[EditRun]:
    """Yield the edits of all images, in the order of `new`, then those that are only in `old`.

    Files called as in `hidden` are left out.
    """
    store = _LineStore()
    for key in (*new, *(key for key in old if key not in new)):
        before, after = old.get(key, {}), new.get(key, {})
        for path in sorted({*before, *after}):
            if path not in hidden:
                yield from _runs_of_file(key, path, before.get(path), after.get(path), store)


def _runs_of_file(
    key: str, path: str, old: File | None, new: File | None, store: _LineStore
) -> Iterator[EditRun]:
    modes = (old.mode if old else None, new.mode if new else None)
    before, after = old.content if old else b"", new.content if new else b""
    if old and new and old.mode != new.mode:
        yield EditRun((FileEdit(key, path, "mode", (), modes),))
    if old and new and before == after:
        return
    kept_modes = (None, None) if old and new else modes
    if is_binary(before) or is_binary(after):
        lines = tuple(_binary_lines(old, new))
        yield EditRun((FileEdit(key, path, "binary", lines, kept_modes),))
        return
    if old is None or new is None:
        lines = store.whole_lines(before, after)
        operation: Operation = "added" if old is None else "deleted"
        starts = (int(bool(old)), int(bool(new)))
        yield EditRun((FileEdit(key, path, operation, lines, modes, *starts),))
        return
    change = store.cut_change(before, after)
    for number, parts in enumerate(change.paragraphs):
        edits = tuple(
            _with_lines(changed_lines(key, path, change.hunk(number, part, part)), store)
            for part in range(len(parts))
        )
        yield EditRun(edits, change if len(edits) > 1 else None, number)


def _with_lines(edit: FileEdit, store: _LineStore) -> FileEdit:
    return replace(edit, lines=store.share(edit.lines))


def whole_hunks(old: bytes, new: bytes) -> tuple[TextHunk, ...]:
    """Return the hunks of a text, one for each paragraph."""
    change = cut_change(old, new)
    return tuple(map(change.hunk, range(len(change.paragraphs))))


def changed_lines(image: str, path: str, hunk: TextHunk) -> FileEdit:
    """Return the edit of a file that stays."""
    return FileEdit(image, path, "changed", hunk.edits, (None, None), *first_change(hunk))


def first_change(hunk: TextHunk) -> tuple[int, int]:
    """Return the first line that goes and the first that comes, 0 where there is none."""
    old, new = hunk.old_start - (hunk.old_count == 0), hunk.new_start - (hunk.new_count == 0)
    old_start = new_start = 0
    for line in hunk.lines:
        sign = line[0]
        if sign == "-":
            old_start = old_start or old
        elif sign == "+":
            new_start = new_start or new
        if old_start and new_start:
            break
        old += sign in " -"
        new += sign in " +"
    return old_start, new_start


def _binary_lines(old: File | None, new: File | None) -> Iterator[str]:
    for sign, file in (("-", old), ("+", new)):
        if file:
            yield f"{sign}binary file of {len(file.content)} bytes, sha256 {file.sha256}"


def image_state(
    old: Mapping[str, File] | None, new: Mapping[str, File] | None
) -> ImageState | None:
    """Return what happens to an image with these files; None where it stays as it is."""
    if old is None or new is None:
        return "added" if old is None else "removed"
    is_same = len(old) == len(new) and all(old.get(path) == file for path, file in new.items())
    return None if is_same else "changed"
