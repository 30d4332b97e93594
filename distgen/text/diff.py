"""Turn two versions of a text into a unified diff; lines keep their endings."""

from __future__ import annotations

from collections.abc import Iterator

from distgen.text.hunk_header import format_lines
from distgen.text.line_matcher import LineMatcher

_NO_NEWLINE = "\\ No newline at end of file\n"
_CONTEXT = 3
_PROBE = 8000  # git looks as far for a zero byte


def is_binary(content: bytes) -> bool:
    """Say whether git would call these bytes binary."""
    return b"\0" in content[:_PROBE]


def diff_file(path: str, old: bytes | None, new: bytes | None) -> str:
    """Return a unified diff of one file; None means that there is no file."""
    if old == new:
        return ""
    before = f"a/{path}" if old is not None else "/dev/null"
    after = f"b/{path}" if new is not None else "/dev/null"
    old, new = old or b"", new or b""
    if is_binary(old) or is_binary(new):
        return f"Binary files {before} and {after} differ\n"
    lines = _unified_diff(_text(old), _text(new))
    rows = "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}" for line in lines)
    return f"--- {before}\n+++ {after}\n{rows}" if rows else ""


def _unified_diff(old: list[str], new: list[str]) -> Iterator[str]:
    for group in LineMatcher(old, new).get_grouped_opcodes(_CONTEXT):
        (_, old_start, _, new_start, _), (_, _, old_end, _, new_end) = group[0], group[-1]
        yield f"@@ -{format_lines(old_start, old_end)} +{format_lines(new_start, new_end)} @@\n"
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (f" {line}" for line in old[i1:i2])
            else:
                yield from (f"-{line}" for line in old[i1:i2])
                yield from (f"+{line}" for line in new[j1:j2])


def shorten_diff(diff: str, lines: int, width: int) -> tuple[list[str], int]:
    """Return the first lines of a diff, each cut to a width, and how many lines are left out."""
    # A refused edit of one line of 3 MB printed 3 MB.
    rows = diff.split("\n")[:-1] if diff.endswith("\n") else diff.split("\n")
    cut = [
        row if len(row) <= width else f"{row[:width]}... ({len(row)} characters)"
        for row in rows[:lines]
    ]
    return cut, max(0, len(rows) - lines)


def cap_diff(diff: str, size: int = 64 * 1024) -> str:
    """Return a diff of at most so many bytes; a longer one ends with its length."""
    content = diff.encode("utf-8", "replace")
    if len(content) <= size:
        return diff
    return f"{content[:size].decode('utf-8', 'ignore')}\n[{len(content)} bytes in all]\n"


def _lines(content: bytes) -> list[bytes]:
    # Not splitlines: a carriage return ends no line for git.
    lines = [line + b"\n" for line in content.split(b"\n")]
    last = lines.pop().removesuffix(b"\n")
    return [*lines, last] if last else lines


def _text(content: bytes) -> list[str]:
    return [line.decode("utf-8", "replace") for line in _lines(content)]
