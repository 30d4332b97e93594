"""Group edits as they are best read: what always changes together is one edit, else each alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from distgen.compare.edits import EditRun
from distgen.compare.grouping import EditSet, WordsOf, group_edits
from distgen.compare.records import FileEdit

_END = -1
_Numbers = Mapping[int, int]
"""The number of the group of each edit, by the edit's `id`."""


def group_runs(runs: Iterable[EditRun], words_of: WordsOf) -> tuple[EditSet, ...]:
    """Return the groups in the order of their first edits; every line is in exactly one.

    Neighbouring edits of which no image has one without the other are one.
    """
    runs = tuple(runs)
    groups = group_edits((edit for run in runs for edit in run.edits), words_of)
    if all(len(run.edits) == 1 for run in runs):
        return groups
    numbers = {id(edit): number for number, group in enumerate(groups) for edit in group.edits}
    companions = _companions(runs, numbers)
    joined = [edit for run in runs for edit in _join_edits(run, numbers, companions)]
    return groups if len(joined) == len(numbers) else group_edits(joined, words_of)


def _companions(runs: Iterable[EditRun], numbers: _Numbers) -> Mapping[int, int]:
    """Return the groups that another always follows, and that one, which never comes without."""
    following: dict[int, set[int]] = {}
    leading: dict[int, set[int]] = {}
    for run in runs:
        row = [_END, *(numbers[id(edit)] for edit in run.edits), _END]
        for first, second in pairwise(row):
            following.setdefault(first, set()).add(second)
            leading.setdefault(second, set()).add(first)
    return {
        first: second
        for first, seconds in following.items()
        if len(seconds) == 1
        for second in seconds
        if leading[second] == {first} and _END not in (first, second) and first != second
    }


def _join_edits(
    run: EditRun, numbers: _Numbers, companions: Mapping[int, int]
) -> Iterator[FileEdit]:
    first = 0
    for last, edit in enumerate(run.edits):
        is_last = last + 1 == len(run.edits)
        follower = None if is_last else numbers[id(run.edits[last + 1])]
        if is_last or companions.get(numbers[id(edit)]) != follower:
            yield run.join(first, last)
            first = last + 1
