"""Finds cycles among things that name what they build on."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping

from distgen.errors import InputError
from distgen.model.stored import ImageNode


def find_cycle(edges: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the nodes of one cycle, the smallest first and again last; () when there is none."""
    # Sorted, so that the same cycle is named whatever order the files are read in.
    sorter = graphlib.TopologicalSorter({node: sorted(edges[node]) for node in sorted(edges)})
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        cycle = list(reversed(error.args[1]))[:-1]
        start = cycle.index(min(cycle))
        return (*cycle[start:], *cycle[: start + 1])
    return ()


def refuse_cycles(images: Iterable[ImageNode]) -> None:
    """Raise InputError when images build on each other, by `from` or `builders`."""
    by_key = {image.key: image for image in images}
    cycle = find_cycle({key: image.parent_keys for key, image in by_key.items()})
    if not cycle:
        return
    same_stream = len({key.partition("@")[2] for key in cycle if key in by_key}) == 1
    names = [key.partition("@")[0] if same_stream else key for key in cycle]
    parents = by_key[cycle[0]].parents
    where = next(parent.origin for parent in parents if parent.image == cycle[1])
    problem = f"images build on each other: {' -> '.join(names)}"
    raise InputError(problem, where=where, hint="break the cycle")
