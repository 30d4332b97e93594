"""Threads that work for one run, and wait for nobody once it is given up."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from distgen.store.git import Git


@contextmanager
def working(git: Git, jobs: int) -> Iterator[Executor]:
    """Yield a pool of threads; when the caller gives up, nobody goes on waiting for a server."""
    pool = ThreadPoolExecutor(max(1, jobs), thread_name_prefix="distgen")
    through = False
    try:
        yield pool
        through = True
    finally:
        if not through:
            git.stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
