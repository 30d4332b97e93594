"""Write data as YAML, and find the line of the catalogue behind each line of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from distgen.model.words import KeyPath, Origin
from distgen.schema.yaml_writer import dump_yaml


def write_lines(
    data: Mapping[str, Any], origins: Mapping[KeyPath, Origin]
) -> tuple[str, tuple[Origin, ...]]:
    """Return data as YAML, and for each line the origin of its key or of the nearest above it.

    `origins` has at least that of ().
    """
    text = dump_yaml(data)
    keys: dict[int, KeyPath] = {}
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for line, key in _walk(node, ()):
        keys.setdefault(line, key)
    lines: list[Origin] = []
    last: KeyPath = ()
    for line in range(text.count("\n")):
        last = keys.get(line, last)
        lines.append(_nearest(origins, last))
    return text, tuple(lines)


def _walk(node: yaml.Node | None, at: KeyPath) -> Iterator[tuple[int, KeyPath]]:
    """Yield each line where a key or an item begins, what is above it first."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield name.start_mark.line, (*at, name.value)
            yield from _walk(value, (*at, name.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield item.start_mark.line, (*at, index)
            yield from _walk(item, (*at, index))


def _nearest(origins: Mapping[KeyPath, Origin], key: KeyPath) -> Origin:
    while key and key not in origins:
        key = key[:-1]
    return origins[key]
