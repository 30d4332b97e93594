"""Turn the files of images before and after into edits, one for each change of a paragraph."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from distgen.compare.records import FileEdit, ImageState, Operation, Trees
from distgen.model.rendered import File
from distgen.text.diff import is_binary
from distgen.text.hunks import TextHunk, split_paragraphs

_Pairs = dict[tuple[bytes, bytes], tuple[TextHunk, ...]]


def list_edits(old: Trees, new: Trees, hidden: Collection[str] = ()) -> Iterator[FileEdit]:
    """Yield the edits of all images, in the order of `new`, then those that are only in `old`.

    Files called as in `hidden` are left out.
    """
    hunks: _Pairs = {}  # many images hold the same file
    for key in (*new, *(key for key in old if key not in new)):
        before, after = old.get(key, {}), new.get(key, {})
        for path in sorted({*before, *after}):
            if path not in hidden:
                yield from _edits_of_file(key, path, before.get(path), after.get(path), hunks)


def _edits_of_file(
    key: str, path: str, old: File | None, new: File | None, hunks: _Pairs
) -> Iterator[FileEdit]:
    modes = (old.mode if old else None, new.mode if new else None)
    before, after = old.content if old else b"", new.content if new else b""
    if old and new and old.mode != new.mode:
        yield FileEdit(key, path, "mode", (), modes)
    if old and new and before == after:
        return
    kept_modes = (None, None) if old and new else modes
    if is_binary(before) or is_binary(after):
        yield FileEdit(key, path, "binary", tuple(_binary_lines(old, new)), kept_modes)
        return
    if old is None or new is None:
        lines = tuple(line for hunk in split_paragraphs(before, after) for line in hunk.lines)
        operation: Operation = "added" if old is None else "deleted"
        yield FileEdit(key, path, operation, lines, modes, int(bool(old)), int(bool(new)))
        return
    pair = (before, after)
    if pair not in hunks:
        hunks[pair] = split_paragraphs(before, after)
    for hunk in hunks[pair]:
        yield FileEdit(key, path, "changed", hunk.edits, kept_modes, *first_change(hunk))


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


def changed_images(old: Trees, new: Trees) -> Mapping[str, ImageState]:
    """Return the images whose files differ, with what happens to each, in the order of `new`."""
    states: dict[str, ImageState] = {}
    for key in (*new, *(key for key in old if key not in new)):
        if key not in old:
            states[key] = "added"
        elif key not in new:
            states[key] = "removed"
        elif _differ(old[key], new[key]):
            states[key] = "changed"
    return states


def _differ(old: Mapping[str, File], new: Mapping[str, File]) -> bool:
    return len(old) != len(new) or any(old.get(path) != file for path, file in new.items())
