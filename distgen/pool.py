"""Threads that work for one run, and wait for nobody once it is given up."""

from __future__ import annotations

import queue
import resource
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from distgen.errors import DistgenError

_OWN_FILES = 32
_FILES = 8
_PROCESSES = 10
_PLENTY = 4096
Result = TypeVar("Result")
Task = Callable[[], Iterable[Result]]


def limit_jobs(jobs: int) -> int:
    """Return how many of the jobs this process may do at once, for files and processes are limited.

    Of open files a job needs the pipes of two programs, one of them starting; of processes, which
    threads are counted among, itself and the eight or so that a push consists of.
    """
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files != resource.RLIM_INFINITY:
        jobs = max(1, min(jobs, (files - _OWN_FILES) // _FILES))
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if processes == resource.RLIM_INFINITY or processes > _PLENTY:
        return jobs
    wanted = _PROCESSES * jobs  # trying tells what others of this user take
    with ThreadPoolExecutor(wanted) as probe:
        return max(1, startable_threads(probe, wanted) // _PROCESSES)


def startable_threads(pool: Executor, count: int) -> int:
    """Start the threads of a pool; return how many the machine gives."""
    together = threading.Event()
    try:
        for number in range(count):
            try:
                pool.submit(together.wait)
            except RuntimeError:
                return number
    finally:
        together.set()
    return count


@contextmanager
def thread_pool(stop: threading.Event, jobs: int) -> Iterator[Executor]:
    """Yield a pool of threads; when the caller gives up, `stop` is set for those that wait."""
    pool = ThreadPoolExecutor(max(1, jobs), thread_name_prefix="distgen")
    through = False
    try:
        if startable_threads(pool, jobs) < jobs:  # not later, when programs have taken the room
            raise DistgenError(
                "too few threads can be started", hint="use fewer --jobs, or raise `ulimit -u`"
            )
        yield pool
        through = True
    finally:
        if not through:
            stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def run_parallel(tasks: Sequence[Task[Result]], parallel: int) -> Iterator[Result]:
    """Run tasks and yield their results as they come; what a task raises is raised here.

    Whoever stops reading, as on ^C, waits for nobody: what has not begun is dropped, and a thread
    that waits for an answer ends with the process.
    """
    todo: queue.SimpleQueue[Task[Result]] = queue.SimpleQueue()
    done: queue.SimpleQueue[list[Result] | BaseException] = queue.SimpleQueue()
    stop = threading.Event()
    for task in tasks:
        todo.put(task)
    for _ in range(min(parallel, len(tasks))):
        threading.Thread(target=_work, args=(todo, done, stop), daemon=True).start()
    try:
        for _ in tasks:
            found = done.get()
            if isinstance(found, BaseException):
                raise found
            yield from found
    finally:
        stop.set()


@dataclass(frozen=True)
class _Delivering(Generic[Result]):
    """Hands what a task raises over to the reader, who is in another thread."""

    done: queue.SimpleQueue[list[Result] | BaseException]

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is not None:
            self.done.put(error)
        return True


def _work(
    todo: queue.SimpleQueue[Task[Result]],
    done: queue.SimpleQueue[list[Result] | BaseException],
    stop: threading.Event,
) -> None:
    while not stop.is_set() and not todo.empty():
        try:
            task = todo.get_nowait()
        except queue.Empty:
            return
        with _Delivering(done):
            done.put(list(task()))
