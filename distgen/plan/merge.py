"""Turn three versions of a text into one, or two into a unified diff; lines keep their endings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, unified_diff

_NO_NEWLINE = "\\ No newline at end of file\n"
_PROBE = 8000  # git looks as far for a zero byte


def is_binary(content: bytes) -> bool:
    """Say whether git would call these bytes binary."""
    return b"\0" in content[:_PROBE]


def merge(base: bytes, left: bytes, right: bytes) -> bytes | None:
    """Apply both the changes base->left and base->right; None when they conflict.

    Like `git merge-file`, changes of neighbouring lines conflict.
    """
    if right in (left, base):
        return left
    if left == base:
        return right
    if any(map(is_binary, (base, left, right))):
        return None
    old, ours, theirs = map(_lines, (base, left, right))
    merged: list[bytes] = []
    for here, a, b in _regions(old, ours, theirs):
        chosen = _choose(old[here], ours[a], theirs[b])
        if chosen is None:
            return None
        merged += chosen
    return b"".join(merged)


def unified(path: str, old: bytes | None, new: bytes | None) -> str:
    """Return a unified diff of one file; None stands for a file that is not there."""
    if old == new:
        return ""
    before = f"a/{path}" if old is not None else "/dev/null"
    after = f"b/{path}" if new is not None else "/dev/null"
    old, new = old or b"", new or b""
    if is_binary(old) or is_binary(new):
        return f"Binary files {before} and {after} differ\n"
    lines = unified_diff(_text(old), _text(new), before, after)
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}" for line in lines)


def _lines(content: bytes) -> list[bytes]:
    # Not splitlines: a carriage return ends no line for git.
    lines = [line + b"\n" for line in content.split(b"\n")]
    last = lines.pop().removesuffix(b"\n")
    return [*lines, last] if last else lines


def _text(content: bytes) -> list[str]:
    return [line.decode("utf-8", "replace") for line in _lines(content)]


def _choose(
    old: Sequence[bytes], ours: Sequence[bytes], theirs: Sequence[bytes]
) -> Sequence[bytes] | None:
    if theirs in (ours, old):
        return ours
    return theirs if ours == old else None


def _regions(
    old: Sequence[bytes], ours: Sequence[bytes], theirs: Sequence[bytes]
) -> Iterator[tuple[slice, slice, slice]]:
    """Yield the stretches of the three texts, in turn changed somewhere and the same everywhere."""
    left, right = _matches(old, ours), _matches(old, theirs)
    start = a = b = 0
    for line in range(len(old) + 1):
        end = line == len(old)
        if not end and not (line in left and line in right):
            continue
        next_a = len(ours) if end else left[line]
        next_b = len(theirs) if end else right[line]
        yield slice(start, line), slice(a, next_a), slice(b, next_b)
        if not end:
            yield slice(line, line + 1), slice(next_a, next_a + 1), slice(next_b, next_b + 1)
        start, a, b = line + 1, next_a + 1, next_b + 1


def _matches(old: Sequence[bytes], new: Sequence[bytes]) -> dict[int, int]:
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    return {block.a + i: block.b + i for block in blocks for i in range(block.size)}
