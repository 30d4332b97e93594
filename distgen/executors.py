"""Open what runs tasks elsewhere: processes of this machine, or the workers of a Dask scheduler."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from distgen.errors import DistgenError, InputError, printable
from distgen.pool import await_any

PROCESSES, DASK = "processes", "dask:"
_RETRIES = 3
_SECONDS_TO_CONNECT = 20
_POLL = 1.0
_MOST_WORDS = 300
_STOPS: set[threading.Event] = set()
"""What is set in a worker once the run is to stop."""
_STOPPED = threading.Event()
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Workers:
    """An executor, and how many tasks it runs at a time."""

    executor: Executor
    count: int
    is_connected: Callable[[], bool] = lambda: True

    def submit(self, task: Callable[..., Answer], *words: object) -> Future[Answer]:
        """Return what a task will come to; that it cannot be begun is one thing it comes to."""
        try:
            if not self.is_connected():  # what Dask is given then waits for ever
                raise ConnectionError("the scheduler of the workers is gone")
            return self.executor.submit(task, *words)
        except (RuntimeError, OSError) as error:  # what was to run it has ended
            lost: Future[Answer] = Future()
            lost.set_exception(error)
            return lost


def describe_loss(job: Future[Any]) -> str:
    """Say why a task, once it has ended, returned nothing; "" where it did."""
    try:
        while not job.done():
            await_any((job,))
        error = job.exception()
    except CancelledError:  # of Dask's tasks, when the scheduler ends
        return "the scheduler of the workers is gone"
    if error is None:
        return ""
    words = printable(" ".join(str(error).split()))[:_MOST_WORDS]
    return f"{type(error).__name__}: {words}"


@contextmanager
def open_workers(
    place: str, begin: Callable[[], None] | None = None, stop: threading.Event | None = None
) -> Iterator[Workers]:
    """Open `processes`, or `dask:ADDRESS` of a scheduler; tasks are functions of a module.

    Each process calls `begin` first, hears of `stop`, and ends when this one is interrupted; the
    workers of Dask have begun before, and end what they have begun.
    """
    if place.startswith(DASK):
        with _dask_workers(place.removeprefix(DASK)) as workers:
            yield workers
        return
    count = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    # A fork would have the locks of threads that it does not have.
    context = multiprocessing.get_context("spawn")
    # That a pipe is closed reaches all who read it.
    stopping, told_to_stop = context.Pipe(duplex=False)
    leaving, told_to_leave = context.Pipe(duplex=False)
    words = (os.getpid(), begin, stopping, leaving)
    closing = _closing_when_set(stop or threading.Event(), told_to_stop)
    with stopping, leaving, told_to_leave, closing:
        pool = ProcessPoolExecutor(count, context, _serve_alone, words)
        try:
            yield Workers(pool, count)
        except (KeyboardInterrupt, GeneratorExit):
            told_to_leave.close()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _closing_when_set(stop: threading.Event, pipe: Connection) -> Iterator[None]:
    """Close a pipe once `stop` is set, or a little after the end."""
    is_over = threading.Event()

    def watch() -> None:
        while not stop.wait(_POLL) and not is_over.is_set():
            pass
        pipe.close()

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


@contextmanager
def stopping_with_the_run(stop: threading.Event) -> Iterator[None]:
    """Set `stop` of a task when the run that it works for is to stop."""
    _STOPS.add(stop)
    try:
        if _STOPPED.is_set():
            stop.set()
        yield
    finally:
        _STOPS.discard(stop)


def _serve_alone(
    parent: int, begin: Callable[[], None] | None, stopping: Connection, leaving: Connection
) -> None:
    """Leave signals of the terminal to the parent, and end when it is gone or says so."""
    if begin:
        begin()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent and not leaving.poll(_POLL):
            if stopping.poll():
                _STOPPED.set()
                for stop in tuple(_STOPS):
                    stop.set()
        os._exit(1)  # a killed parent tells nobody, and its tasks would be waited for without end

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _dask_workers(address: str) -> Iterator[Workers]:
    distributed = _import_distributed()
    try:
        client = distributed.Client(
            address, timeout=_SECONDS_TO_CONNECT, set_as_default=False, name="distgen"
        )
    except (OSError, ValueError) as error:
        raise DistgenError(
            f"no Dask scheduler answers: {error}", where=address, hint="is `dask scheduler` there?"
        ) from None
    try:
        count = sum(client.nthreads().values())
        if not count:
            raise DistgenError("has no workers", where=address, hint="start some `dask worker`")
        # Two equal tasks are two: what a task does is not all in what it returns.
        executor = client.get_executor(pure=False, retries=_RETRIES)
        try:
            yield Workers(executor, count, lambda: client.status == "running")
        finally:
            executor.shutdown(wait=False)
    finally:
        client.close(timeout=_SECONDS_TO_CONNECT)


def _import_distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise InputError(
            "Dask is not installed", where="--executor", hint="pip install 'distgen-git[dask]'"
        ) from None
