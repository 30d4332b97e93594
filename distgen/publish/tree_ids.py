"""Know which trees of git images are, from an earlier run that rendered the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from distgen.cache.keys import CacheKey, cache_key
from distgen.cache.records import RecordWriter
from distgen.cache.results import Cache, load_result, save_result
from distgen.errors import DistgenError
from distgen.model.catalogue import Catalogue
from distgen.model.lock import Lock, LockedBase, LockedSource
from distgen.model.rendered import Tree


@dataclass(frozen=True, slots=True)
class UnrenderedTree:
    """A tree of which the ids are known; `render` returns it, or why it cannot be rendered."""

    ids: tuple[str, ...]
    render: Callable[[], Tree | DistgenError] = field(repr=False)


class TreeIds:
    """The ids of git's trees of images by their keys; threads may add some."""

    def __init__(self, ids: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._ids = dict(ids or {})
        self._is_changed = False

    def get(self, key: str) -> tuple[str, ...] | None:
        return self._ids.get(key)

    def note(self, key: str, ids: tuple[str, ...]) -> None:
        """Add the ids of a tree that was rendered."""
        if self._ids.get(key) != ids:
            self._ids[key] = ids
            self._is_changed = True

    def save(self, cache: Cache, key: CacheKey | None) -> None:
        """Keep all ids for the next run, where there are new ones."""
        if key is not None and self._is_changed:
            save_result(cache, key, {name: [*ids] for name, ids in sorted(self._ids.items())})


def trees_key(catalogue: Catalogue, lock: Lock, kind: str = "trees") -> CacheKey | None:
    """Return what ids of trees are kept by: all that they are rendered from, if that is known.

    Other digests of trees are kept alike, as another `kind`.
    """
    if not catalogue.digest:
        return None
    writer = RecordWriter((Lock, LockedBase, LockedSource), (), ())
    return cache_key(kind, catalogue.digest, writer.encode(lock))


def load_tree_ids(cache: Cache, key: CacheKey | None) -> TreeIds:
    """Return what an earlier run kept."""
    return (load_result(cache, key, _decode) if key else None) or TreeIds()


def _decode(value: Any) -> TreeIds:
    return TreeIds({str(key): tuple(map(str, ids)) for key, ids in value.items()})
