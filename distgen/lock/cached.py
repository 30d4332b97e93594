"""Take the lock that an earlier run read from the same text, else read it and keep it."""

from __future__ import annotations

from pathlib import Path

from distgen.cache.keys import cache_key, content_digest
from distgen.cache.records import RecordReader, RecordWriter
from distgen.cache.results import Cache, load_result, save_result
from distgen.catalogue.bounded import read_bounded
from distgen.model.lock import LOCK_FILE, LOCK_LIMIT, Lock, LockedBase, LockedSource

_CLASSES = (Lock, LockedBase, LockedSource)


def cached_lock(root: Path, cache: Cache) -> Lock:
    """Return the lock of the catalogue in `root`; one that is not there is an empty lock.

    Raise InputError for a link that leads outside: what is read is written again by `lock`.
    """
    path = root / LOCK_FILE
    if path.is_symlink():
        from distgen.catalogue.folder import refuse_far_link

        refuse_far_link(root, LOCK_FILE, (".",))
    try:
        content = read_bounded(path, str(path), LOCK_LIMIT)
    except FileNotFoundError:
        return Lock()
    key = cache_key("lock", content_digest(content))
    lock = load_result(cache, key, _decode)
    if lock is None:
        # Reading takes libraries that take longer to import than the result of an earlier run.
        from distgen.lock.file import parse_lock

        lock = parse_lock(content, path.name)
        if cache.folder is not None:
            save_result(cache, key, RecordWriter(_CLASSES, (), ()).encode(lock))
    return lock


def _decode(value: object) -> Lock:
    lock = RecordReader(_CLASSES, (), {}).decode(value)
    if not isinstance(lock, Lock):
        raise TypeError
    return lock
