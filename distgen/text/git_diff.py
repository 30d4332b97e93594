"""Write the difference of two files as git does, so that every tool that reads git's reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from distgen.text.diff import is_binary
from distgen.text.hunks import split_hunks

_UNUSUAL_BYTE = re.compile(rb'[\x00-\x1f"\\\x7f-\xff]')
_ESCAPES = {0x22: b'\\"', 0x5C: b"\\\\", 0x09: b"\\t", 0x0A: b"\\n"}
NO_FILE = "/dev/null"


@dataclass(frozen=True, slots=True)
class FileSide:
    """One version of a file; `mode` is git's, None where there is no file."""

    mode: int | None = None
    content: bytes = field(default=b"", repr=False)


def diff_lines(path: str, old: FileSide, new: FileSide) -> Iterator[str]:
    """Yield the lines of the diff of one file, none where nothing differs."""
    if old == new:
        return
    yield from header_lines(path, (old.mode, new.mode))
    if old.content == new.content:
        return
    before, after = _names(path, (old.mode, new.mode))
    if is_binary(old.content) or is_binary(new.content):
        yield f"Binary files {before} and {after} differ"
        return
    yield from name_lines(path, (old.mode, new.mode))
    for hunk in split_hunks(old.content, new.content):
        yield hunk.header
        yield from hunk.lines


def header_lines(path: str, modes: tuple[int | None, int | None]) -> Iterator[str]:
    """Yield the lines that say which file it is, and what becomes of its mode."""
    old_mode, new_mode = modes
    yield f"diff --git {quote_path(f'a/{path}')} {quote_path(f'b/{path}')}"
    if old_mode is None and new_mode is not None:
        yield f"new file mode {new_mode:o}"
    elif new_mode is None and old_mode is not None:
        yield f"deleted file mode {old_mode:o}"
    elif old_mode != new_mode:
        yield f"old mode {old_mode:o}"
        yield f"new mode {new_mode:o}"


def name_lines(path: str, modes: tuple[int | None, int | None]) -> Iterator[str]:
    """Yield the two lines above the first hunk."""
    for sign, name in zip(("---", "+++"), _names(path, modes), strict=True):
        # The words behind a blank in a name would be read as a date, were there no tab at the end.
        end = "\t" if " " in name else ""
        yield f"{sign} {name}{end}"


def quote_path(name: str) -> str:
    """Quote an unusual name as git does, byte by byte."""
    raw = name.encode("utf-8", "surrogateescape")
    if not _UNUSUAL_BYTE.search(raw):
        return name
    quoted = (
        _ESCAPES.get(byte, b"%c" % byte if 0x20 <= byte < 0x7F else b"\\%03o" % byte)
        for byte in raw
    )
    return f'"{b"".join(quoted).decode("ascii")}"'


def _names(path: str, modes: tuple[int | None, int | None]) -> tuple[str, str]:
    before, after = quote_path(f"a/{path}"), quote_path(f"b/{path}")
    is_new, is_gone = modes[0] is None, modes[1] is None
    return (
        NO_FILE if is_new and not is_gone else before,
        NO_FILE if is_gone and not is_new else after,
    )
