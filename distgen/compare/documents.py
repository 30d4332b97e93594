"""Find the keys that two states of a YAML file write differently, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from distgen.model.catalogue import Layer
from distgen.model.words import KeyPath


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key as it is written; `line` is that of today, 0 where the key is gone."""

    path: str
    key: KeyPath
    line: int


def changed_keys(before: Layer | None, now: Layer | None) -> tuple[KeyChange, ...]:
    """Return what differs between two states of a file; a list is one key, with its first line."""
    old = dict(leaves(before.values)) if before else {}
    new = dict(leaves(now.values)) if now else {}
    changes: list[KeyChange] = []
    if now:
        changes += [
            KeyChange(now.path, key, _line(now, key, old.get(key), value))
            for key, value in new.items()
            if key not in old or old[key] != value
        ]
    if before:
        changes += [KeyChange(before.path, key, 0) for key in old if key not in new]
    if before and now:
        changes += [
            KeyChange(now.path, key, now.origin(key).line)
            for key in _reordered_keys(before.values, now.values, ())
        ]
    return tuple(changes)


def leaves(values: Mapping[str, Any], at: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the keys of nested maps with what they hold."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*at, key))
        else:
            yield (*at, key), value


def _line(layer: Layer, key: KeyPath, old: Any, new: Any) -> int:
    """Return the line of a key, or of the first item of its list that differs."""
    if isinstance(old, list) and isinstance(new, list):
        pairs = enumerate(zip(old, new, strict=False))
        index = next((at for at, (old_item, new_item) in pairs if old_item != new_item), len(old))
        key = (*key, min(index, len(new) - 1)) if new else key
    return layer.origin(key).line


def _reordered_keys(before: Any, now: Any, at: KeyPath) -> Iterator[KeyPath]:
    """Yield the keys of mappings with the same keys in another order, which templates can print."""
    if not isinstance(before, Mapping) or not isinstance(now, Mapping):
        return
    if [key for key in before if key in now] != [key for key in now if key in before]:
        yield at
    for key in now:
        if key in before:
            yield from _reordered_keys(before[key], now[key], (*at, key))
