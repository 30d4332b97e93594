"""Turn the images of a catalogue into the tree that a change reaches, and into its picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from distgen.report.markup import show
from distgen.report.records import GraphNode


@dataclass(frozen=True, slots=True)
class Branch:
    """An image below its first parent; `further` are the further ones it is built on.

    `untouched` is how many images below it the change does not reach, by way of none that it does.
    """

    node: GraphNode
    children: tuple[Branch, ...]
    further: tuple[str, ...]
    untouched: int


def reached_branches(nodes: Iterable[GraphNode]) -> tuple[Branch, ...]:
    """Return the images that a change reaches and the way to them, each below its first parent."""
    by_key = {node.key: node for node in nodes}
    children: dict[str, list[GraphNode]] = {}
    for node in by_key.values():
        children.setdefault(_first_parent(node, by_key), []).append(node)
    reached = _reached_keys(by_key)

    def size(node: GraphNode) -> int:
        return 1 + sum(map(size, children.get(node.key, [])))

    def branches(key: str) -> tuple[Branch, ...]:
        below = children.get(key, [])
        return tuple(
            Branch(
                node,
                branches(node.key),
                tuple(parent for parent in node.parents[1:] if parent in by_key),
                sum(map(size, (c for c in children.get(node.key, []) if c.key not in reached))),
            )
            for node in below
            if node.key in reached
        )

    return branches("")


def graph_script(nodes: Iterable[GraphNode], page_of: Callable[[str], str | None]) -> str:
    """Return the data of the picture as a script: policies of pages let no script stand in them."""
    rows = [
        {
            "key": show(node.key, 200),
            "change": node.change,
            "parents": [show(parent, 200) for parent in node.parents],
            "page": page_of(node.key),
        }
        for node in nodes
    ]
    return f"window.distgenGraph = {json.dumps(rows, indent=1)};\n"


def _first_parent(node: GraphNode, nodes: Mapping[str, GraphNode]) -> str:
    return next((parent for parent in node.parents if parent in nodes), "")


def _reached_keys(nodes: Mapping[str, GraphNode]) -> frozenset[str]:
    """Return the keys of the images that change, and of all on the way to them."""
    reached: set[str] = set()
    for node in nodes.values():
        key = node.key if node.change else ""
        while key and key not in reached:
            reached.add(key)
            key = _first_parent(nodes[key], nodes)
    return frozenset(reached)
