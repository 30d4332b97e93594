"""Run tasks in threads that end when the run is given up."""

from __future__ import annotations

import os
import queue
import resource
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from distgen.errors import DistgenError

_FILES_OF_DISTGEN = 32
_FILES_PER_JOB = 8
_PROCESSES_PER_JOB = 10
_UNCHECKED_PROCESSES = 4096
_POLL = 0.1  # seconds between two looks at which tasks are late, and whether a signal came
_LAST_SECONDS = 1  # that late tasks have to end by themselves
Item = TypeVar("Item")
Result = TypeVar("Result")
Task = Callable[[], Iterable[Result]]


def usable_cores() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not each system can keep a process to some of them
        return os.cpu_count() or 1


def limit_jobs(jobs: int) -> int:
    """Return how many of the jobs the limits of this process allow at once.

    A job needs the pipes of two programs, one of them starting; and as processes, which threads
    count as, its own thread and the eight or so of a push.
    """
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files != resource.RLIM_INFINITY:
        jobs = max(1, min(jobs, (files - _FILES_OF_DISTGEN) // _FILES_PER_JOB))
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if processes == resource.RLIM_INFINITY or processes > _UNCHECKED_PROCESSES:
        return jobs
    # The limit counts all processes of this user; starting threads shows how many are left.
    threads = _PROCESSES_PER_JOB * jobs
    with ThreadPoolExecutor(threads) as probe:
        return max(1, _startable_threads(probe, threads) // _PROCESSES_PER_JOB)


def _startable_threads(pool: Executor, count: int) -> int:
    """Start `count` threads of a pool at once; return how many of them could be started."""
    release = threading.Event()
    try:
        for number in range(count):
            try:
                pool.submit(release.wait)
            except RuntimeError:
                return number
    finally:
        release.set()
    return count


@contextmanager
def thread_pool(stop: threading.Event, jobs: int) -> Iterator[Executor]:
    """Yield a pool of threads; when the caller raises, set `stop` for the threads that wait."""
    pool = ThreadPoolExecutor(max(1, jobs), thread_name_prefix="distgen")
    is_complete = False
    try:
        # All threads start now: later, programs may have used up the limit of processes.
        if _startable_threads(pool, jobs) < jobs:
            raise DistgenError(
                "too few threads can be started", hint="use fewer --jobs, or raise `ulimit -u`"
            )
        yield pool
        is_complete = True
    finally:
        if not is_complete:
            stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def await_any(jobs: Collection[Future[Result]], seconds: float = _POLL) -> set[Future[Result]]:
    """Wait a moment for one of the jobs to end, at most so many seconds; return what has ended.

    The main thread waits for jobs in short steps: a signal that comes just before a wait is not
    heard in it, and ^C was once lost for as long as a silent server was asked four times.
    """
    return wait(jobs, min(seconds, _POLL), return_when=FIRST_COMPLETED).done


def each_ended(jobs: Iterable[Future[Result]]) -> Iterator[Future[Result]]:
    """Yield the jobs as they end."""
    ended: queue.SimpleQueue[Future[Result]] = queue.SimpleQueue()
    listed = tuple(jobs)
    for job in listed:
        job.add_done_callback(ended.put)
    for _ in listed:
        yield _take(ended)


def await_result(job: Future[Result]) -> Result:
    """Return what a job returns, or raise what it raises."""
    while not job.done():
        await_any((job,))
    return job.result()


def map_parallel(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """Yield what a function returns for each item, in their order.

    All are submitted when the first is asked for; a result is let go once it is taken.
    """
    jobs = deque(pool.submit(function, item) for item in items)
    while jobs:
        yield await_result(jobs.popleft())


def run_parallel(tasks: Sequence[Task[Result]], parallel: int) -> Iterator[Result]:
    """Run tasks and yield their results as they come; raise what a task raises.

    When the reader stops, as on ^C, tasks that have not begun are dropped. A thread that waits for
    a server ends with the process.
    """
    todo: queue.SimpleQueue[Task[Result]] = queue.SimpleQueue()
    outcomes: queue.SimpleQueue[list[Result] | BaseException] = queue.SimpleQueue()
    stop = threading.Event()
    for task in tasks:
        todo.put(task)
    for _ in range(min(parallel, len(tasks))):
        threading.Thread(target=_work, args=(todo, outcomes, stop), daemon=True).start()
    try:
        for _ in tasks:
            outcome = _take(outcomes)
            if isinstance(outcome, BaseException):
                raise outcome
            yield from outcome
    finally:
        stop.set()


def run_bounded(
    tasks: Sequence[Task[Result]], parallel: int, seconds: float, stop: threading.Event
) -> Iterator[tuple[int, list[Result] | None]]:
    """Yield each task's number and results as they come, None for one that takes too long.

    What a late task does goes on in its thread, which another takes the place of. In the end `stop`
    is set for it, and it ends with the process at the latest.
    """
    begun: dict[int, float] = {}
    todo: queue.SimpleQueue[Task[tuple[int, list[Result]]]] = queue.SimpleQueue()
    outcomes: queue.SimpleQueue[list[tuple[int, list[Result]]] | BaseException]
    outcomes = queue.SimpleQueue()

    def start() -> threading.Thread:
        thread = threading.Thread(target=_work, args=(todo, outcomes, stop), daemon=True)
        thread.start()
        return thread

    for number, task in enumerate(tasks):
        todo.put(partial(_run_numbered, number, task, begun))
    awaited = set(range(len(tasks)))
    threads = [start() for _ in range(min(parallel, len(tasks)))]
    try:
        while awaited:
            yield from _take_outcome(outcomes, awaited)
            oldest = time.monotonic() - seconds
            for number in [n for n in awaited if begun.get(n, oldest) < oldest]:
                awaited.discard(number)
                threads.append(start())
                yield number, None
    finally:
        stop.set()
        end = time.monotonic() + _LAST_SECONDS
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))


def _take(waiting: queue.SimpleQueue[Item]) -> Item:
    """Return the next of a queue, once there is one."""
    while True:
        try:
            return waiting.get(timeout=_POLL)
        except queue.Empty:
            continue


def _run_numbered(
    number: int, task: Task[Result], begun: dict[int, float]
) -> list[tuple[int, list[Result]]]:
    begun[number] = time.monotonic()
    return [(number, list(task()))]


def _take_outcome(
    outcomes: queue.SimpleQueue[list[tuple[int, list[Result]]] | BaseException], awaited: set[int]
) -> Iterator[tuple[int, list[Result]]]:
    try:
        outcome = outcomes.get(timeout=_POLL)
    except queue.Empty:
        return
    if isinstance(outcome, BaseException):
        raise outcome
    for number, results in outcome:
        if number in awaited:
            awaited.discard(number)
            yield number, results


def _work(
    todo: queue.SimpleQueue[Task[Result]],
    outcomes: queue.SimpleQueue[list[Result] | BaseException],
    stop: threading.Event,
) -> None:
    while not stop.is_set() and not todo.empty():
        try:
            task = todo.get_nowait()
        except queue.Empty:
            return
        try:
            outcomes.put(list(task()))
        # Every error is raised again by the reader, in its own thread. Without it the reader would
        # wait forever: it expects one outcome for each task, also from one that calls sys.exit().
        except BaseException as error:  # noqa: BLE001
            outcomes.put(error)
