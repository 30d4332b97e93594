"""Match the lines of two texts as difflib does, in a time that is known before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from difflib import Match, SequenceMatcher
from typing import TypeVar

_Line = TypeVar("_Line", bound=Hashable)
# difflib needs up to the product of both lengths, and more where lines are alike: 2000 blank lines
# in place of 2000 others took minutes.
_MAX_PRODUCT = 40_000_000
_MAX_PAIRS = 2_000_000


class LineMatcher(SequenceMatcher[_Line]):
    """A matcher of lines; where that would take too long, all between equal ends is replaced."""

    def __init__(self, old: Sequence[_Line], new: Sequence[_Line]) -> None:
        super().__init__(None, old, new, autojunk=False)
        self._old, self._new = old, new

    def get_matching_blocks(self) -> list[Match]:
        old, new = self._old, self._new
        start, end = _equal_ends(old, new)
        old_stop, new_stop = len(old) - end, len(new) - end
        if _is_quick(old[start:old_stop], new[start:new_stop]):
            return super().get_matching_blocks()
        ends = [Match(0, 0, start), Match(old_stop, new_stop, end)]
        return [*(match for match in ends if match.size), Match(len(old), len(new), 0)]


def _equal_ends(old: Sequence[_Line], new: Sequence[_Line]) -> tuple[int, int]:
    """Return how many lines are equal at the start, and how many of the others at the end."""
    most = min(len(old), len(new))
    start = next((at for at in range(most) if old[at] != new[at]), most)
    rest = most - start
    return start, next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)


def _is_quick(old: Sequence[_Line], new: Sequence[_Line]) -> bool:
    if len(old) * len(new) > _MAX_PRODUCT:
        return False
    counts = Counter(new)
    return sum(counts[line] * count for line, count in Counter(old).items()) <= _MAX_PAIRS
