"""Applies patches to the files of a tree, exactly or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from distgen.errors import InputError
from distgen.model.catalogue import TemplateFile
from distgen.model.rendered import File
from distgen.model.words import REGULAR, Origin
from distgen.render.unidiff import FileDiff, Hunk, read, split

Row = int | Origin


@dataclass(frozen=True, slots=True)
class Moved:
    """Where the lines of a patched file come from: `rows` of the file `old`, or of the patch."""

    old: str | None
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Patched:
    """The files after a patch, and where the lines of those it touched come from."""

    files: Mapping[str, File]
    moved: Mapping[str, Moved]


def apply(files: Mapping[str, File], patch: TemplateFile, image: str) -> Patched:
    """Apply a patch; raise InputError when any hunk of it does not fit.

    A hunk fits where its head says, or else in the only other place where all its lines stand.
    """
    before = after = Patched(files, {})
    mail = 0
    for diff in read(patch):
        if diff.mail != mail:
            before, mail = after, diff.mail
        # git names the source of a rename or copy as it was before the whole patch.
        after = _step(diff, after, before if diff.old != diff.new else after, image)
    return after


def _step(diff: FileDiff, now: Patched, source: Patched, image: str) -> Patched:
    """Return the files after the diff of one file, which `source` holds the old lines of."""
    _check(diff, now.files, image)
    files, moved = dict(now.files), dict(now.moved)
    old = source.files.get(diff.old) if diff.old is not None else None
    rows = _changed(split(old.content) if old else [], diff, image)
    if diff.old is not None and not diff.copy:
        del files[diff.old]
        moved.pop(diff.old, None)
    if diff.new is None:
        if rows:
            left = f"leaves lines of it, such as {_shown(rows[0][0])}"
            says = "".join(f"\n{hunk}" for hunk in diff.hunks)
            hint = f"it says{says}" if says else ""
            raise _error(diff, f"deletes {diff.old!r} but {left}", image, hint)
        return Patched(files, moved)
    mode = diff.mode or (old.mode if old else REGULAR)
    files[diff.new] = File(diff.new, b"".join(text for text, _ in rows), mode)
    origin = Moved(diff.old, tuple(row for _, row in rows))
    moved[diff.new] = _after(source.moved.get(diff.old or ""), origin)
    return Patched(files, moved)


def _after(was: Moved | None, now: Moved) -> Moved:
    """Return where the lines come from when one patch touches a file twice."""
    if was is None:
        return now
    rows = tuple(was.rows[row] if isinstance(row, int) else row for row in now.rows)
    return replace(was, rows=rows)


def _check(diff: FileDiff, files: Mapping[str, File], image: str) -> None:
    if diff.old is not None and diff.old not in files:
        raise _error(diff, f"changes {diff.old!r}, which is not there", image)
    if diff.new is not None and diff.new != diff.old and diff.new in files:
        raise _error(diff, f"makes {diff.new!r}, which is there already", image)


def _error(diff: FileDiff, what: str, image: str, hint: str = "") -> InputError:
    return InputError(f"the patch {what} ({image})", where=diff.origin, hint=hint)


def _changed(lines: Sequence[bytes], diff: FileDiff, image: str) -> list[tuple[bytes, Row]]:
    """Return the lines after all hunks, each with where it comes from."""
    done: list[tuple[bytes, Row]] = []
    at = drift = 0
    for hunk in diff.hunks:
        place = _place(lines, hunk, at, drift)
        if isinstance(place, str):
            raise InputError(
                f"the hunk does not fit {diff.old or diff.new!r} ({image}), {place}",
                where=Origin(diff.origin.path, hunk.line),
                hint=f"it says\n{hunk}",
            )
        done += [(lines[row], row) for row in range(at, place)]
        at, drift = place, place - _stated(hunk)
        for sign, text, number in hunk.body:
            if sign == "+":
                done.append((text, Origin(diff.origin.path, number)))
                continue
            if sign == " ":
                done.append((text, at))
            at += 1
    return done + [(lines[row], row) for row in range(at, len(lines))]


def _stated(hunk: Hunk) -> int:
    return hunk.start - 1 if hunk.old else hunk.start


def _place(lines: Sequence[bytes], hunk: Hunk, first: int, drift: int) -> int | str:
    """Return the row where a hunk fits, or say why there is none."""
    old = hunk.old
    if not old:
        return 0 if not lines else "since it has no line of context to hold on to"
    size, stated = len(old), _stated(hunk) + drift
    if stated >= first and tuple(lines[stated : stated + size]) == old:
        return stated
    fits = [
        row
        for row in range(first, len(lines) - size + 1)
        if lines[row] == old[0] and tuple(lines[row : row + size]) == old
    ]
    if len(fits) == 1:
        return fits[0]
    if fits:
        return f"whose lines {', '.join(str(row + 1) for row in fits)} would all do"
    return _mismatch(lines, old, max(stated, first))


def _mismatch(lines: Sequence[bytes], old: Sequence[bytes], row: int) -> str:
    for number, wanted in enumerate(old, row):
        if number >= len(lines):
            return f"which ends before line {number + 1}"
        if lines[number] != wanted:
            return f"where line {number + 1} is {_shown(lines[number])} and not {_shown(wanted)}"
    return "whose lines are in another order"


def _shown(line: bytes) -> str:
    text = repr(line.removesuffix(b"\n").decode(errors="replace"))
    return text if line.endswith(b"\n") else f"{text} without a newline"
