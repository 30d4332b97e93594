"""Apply patches to the files of a tree, exactly or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from distgen.errors import InputError
from distgen.model.catalogue import Image, TemplateFile
from distgen.model.rendered import File
from distgen.model.words import REGULAR, SYMLINK, Origin
from distgen.render.paths import check_links, check_paths
from distgen.render.unidiff import FileDiff, Hunk, read_patch, split_lines

Row = int | Origin


@dataclass(frozen=True, slots=True)
class LineOrigins:
    """The origins of a patched file's lines: `rows` of the file `old`, or lines of the patch."""

    old: str | None
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class PatchedFiles:
    """The files after a patch, and the origins of the lines in those that it touched."""

    files: Mapping[str, File]
    origins: Mapping[str, LineOrigins]


def apply_patch(files: Mapping[str, File], patch: TemplateFile, image: str) -> PatchedFiles:
    """Apply a patch; raise InputError when any hunk of it does not fit.

    A hunk fits where its head says, or else in the only other place that has all its lines.
    """
    before = after = PatchedFiles(files, {})
    mail = 0
    for diff in read_patch(patch):
        if diff.mail != mail:
            before, mail = after, diff.mail
        # git names the source of a rename or copy as it was before the whole patch.
        after = _apply_diff(diff, after, before if diff.old != diff.new else after, image)
    return after


def apply_patches(files: Mapping[str, File], image: Image) -> list[PatchedFiles]:
    """Return the files after each patch of the image."""
    steps = [PatchedFiles(files, {})]
    for diff in image.patches:
        steps.append(apply_patch(steps[-1].files, diff, image.key))
    if image.patches:
        check_paths(steps[-1].files, image.key)
        links = (file for file in steps[-1].files.values() if file.mode == SYMLINK)
        targets = {file.path: file.content.decode("utf-8", "surrogateescape") for file in links}
        check_links(targets, image.key)
    return steps[1:]


def _apply_diff(
    diff: FileDiff, now: PatchedFiles, source: PatchedFiles, image: str
) -> PatchedFiles:
    """Return the files after the diff of one file, which `source` holds the old lines of."""
    _check(diff, now.files, image)
    files, origins = dict(now.files), dict(now.origins)
    old = source.files.get(diff.old) if diff.old is not None else None
    rows = _apply_hunks(split_lines(old.content) if old else [], diff, image)
    if diff.old is not None and not diff.copy:
        del files[diff.old]
        origins.pop(diff.old, None)
    if diff.new is None:
        if rows:
            remainder = f"leaves lines of it, such as {_quote_line(rows[0][0])}"
            hunks = "".join(f"\n{hunk}" for hunk in diff.hunks)
            hint = f"it says{hunks}" if hunks else ""
            raise _error(diff, f"deletes {diff.old!r} but {remainder}", image, hint)
        return PatchedFiles(files, origins)
    mode = diff.mode or (old.mode if old else REGULAR)
    files[diff.new] = File(diff.new, b"".join(text for text, _ in rows), mode)
    row_origins = LineOrigins(diff.old, tuple(row for _, row in rows))
    origins[diff.new] = _compose_origins(source.origins.get(diff.old or ""), row_origins)
    return PatchedFiles(files, origins)


def _compose_origins(earlier: LineOrigins | None, later: LineOrigins) -> LineOrigins:
    """Return the origins of lines when one patch touches a file twice."""
    if earlier is None:
        return later
    rows = tuple(earlier.rows[row] if isinstance(row, int) else row for row in later.rows)
    return replace(earlier, rows=rows)


def _check(diff: FileDiff, files: Mapping[str, File], image: str) -> None:
    if diff.old is not None and diff.old not in files:
        raise _error(diff, f"changes {diff.old!r}, which is not there", image)
    if diff.new is not None and diff.new != diff.old and diff.new in files:
        raise _error(diff, f"makes {diff.new!r}, which is there already", image)


def _error(diff: FileDiff, fault: str, image: str, hint: str = "") -> InputError:
    return InputError(f"the patch {fault} ({image})", where=diff.origin, hint=hint)


def _apply_hunks(lines: Sequence[bytes], diff: FileDiff, image: str) -> list[tuple[bytes, Row]]:
    """Return the lines after all hunks, each with its origin."""
    patched: list[tuple[bytes, Row]] = []
    at = drift = 0
    for hunk in diff.hunks:
        place = _find_row(lines, hunk, at, drift)
        if isinstance(place, str):
            raise InputError(
                f"the hunk does not fit {diff.old or diff.new!r} ({image}), {place}",
                where=Origin(diff.origin.path, hunk.line),
                hint=f"it says\n{hunk}",
            )
        patched += [(lines[row], row) for row in range(at, place)]
        at, drift = place, place - _stated_row(hunk)
        for sign, text, number in hunk.body:
            if sign == "+":
                patched.append((text, Origin(diff.origin.path, number)))
                continue
            if sign == " ":
                patched.append((text, at))
            at += 1
    return patched + [(lines[row], row) for row in range(at, len(lines))]


def _stated_row(hunk: Hunk) -> int:
    return hunk.start - 1 if hunk.old else hunk.start


def _find_row(lines: Sequence[bytes], hunk: Hunk, first: int, drift: int) -> int | str:
    """Return the row where a hunk fits, or say why there is none.

    `drift` is the distance of the hunk before it from the place that its head says.
    """
    old = hunk.old
    if not old:
        # diff -U0 writes such hunks; a line number alone would be right in no other version.
        return 0 if not lines else "since it has no line of context"
    size, stated = len(old), _stated_row(hunk)
    fits = [
        row
        for row in range(first, len(lines) - size + 1)
        if lines[row] == old[0] and tuple(lines[row : row + size]) == old
    ]
    if not fits:
        return _describe_mismatch(lines, old, max(stated + drift, first))
    end = len(lines) - size
    if _lacks_newline(hunk):
        return end if end in fits else "which goes on after the line that has no newline"
    if len(fits) == 1:
        return fits[0]
    # patch(1) goes on with the drift; git looks for the nearest place, forward first, or the end.
    nearest = min(fits, key=lambda row: (abs(row - stated), row < stated))
    is_last = end in fits and _lacks_context_after(hunk)
    place = end if is_last else nearest
    if place == stated + drift or (is_last and stated + drift not in fits):
        return place
    return f"which has the same lines at {', '.join(str(row + 1) for row in fits)}"


def _lacks_newline(hunk: Hunk) -> bool:
    return any(sign == "+" and not text.endswith(b"\n") for sign, text, _ in hunk.body)


def _lacks_context_after(hunk: Hunk) -> bool:
    """Tell whether a hunk has context before its changes only, as at the end of a file."""
    return hunk.body[0][0] == " " != hunk.body[-1][0]


def _describe_mismatch(lines: Sequence[bytes], old: Sequence[bytes], row: int) -> str:
    for number, line in enumerate(old, row):
        if number >= len(lines):
            return f"which ends before line {number + 1}"
        if lines[number] != line:
            present = _quote_line(lines[number])
            return f"where line {number + 1} is {present} and not {_quote_line(line)}"
    return "which has the lines in another order"


def _quote_line(line: bytes) -> str:
    text = repr(line.removesuffix(b"\n").decode(errors="replace"))
    return text if line.endswith(b"\n") else f"{text} without a newline"
