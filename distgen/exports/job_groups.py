"""Groups images into jobs, where a CI system has fewer jobs than there are images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distgen.exports.records import MatrixEntry


@dataclass(frozen=True, slots=True)
class JobGroup:
    """Images of one level that one job builds, and the names of the groups with their parents."""

    name: str
    keys: tuple[str, ...]
    needs: tuple[str, ...]


def group_by_level(entries: Sequence[MatrixEntry], most: int) -> tuple[JobGroup, ...]:
    """Return groups of images of one level each, `most` of them at most unless there are more
    levels; parents come first.
    """
    levels: dict[int, list[MatrixEntry]] = {}
    for entry in entries:
        levels.setdefault(entry.level, []).append(entry)
    size = _smallest_size([len(level) for level in levels.values()], most)
    groups: list[JobGroup] = []
    names: dict[str, str] = {}
    for level, members in sorted(levels.items()):
        for number, start in enumerate(range(0, len(members), size), 1):
            part = members[start : start + size]
            name = f"level_{level}_{number}" if len(members) > size else f"level_{level}"
            needs = {names[key] for entry in part for key in entry.depends_on}
            groups.append(JobGroup(name, tuple(entry.key for entry in part), tuple(sorted(needs))))
            names |= {entry.key: name for entry in part}
    return tuple(groups)


def _smallest_size(counts: Sequence[int], most: int) -> int:
    """Return how many images a job builds so that there are `most` jobs at most."""
    if not counts:
        return 1
    size = 1
    while size < max(counts) and sum(-(-count // size) for count in counts) > most:
        size += 1
    return size
