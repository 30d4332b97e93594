"""Tasks in threads: each error reaches the reader, and a given-up run ends its threads."""

import re
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import distgen
from distgen.executors import describe_loss
from distgen.pool import (
    await_result,
    each_ended,
    limit_jobs,
    map_parallel,
    run_bounded,
    run_parallel,
    thread_pool,
)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_a_task_raises_reaches_the_reader(error):
    """A task that called sys.exit() would leave the reader waiting forever."""

    def fail():
        raise error("from the task")

    with pytest.raises(error, match="from the task"):
        list(run_parallel([fail], 1))


def test_results_arrive_before_the_last_task_ends():
    release = threading.Event()

    def wait():
        assert release.wait(20)
        return ["late"]

    results = run_parallel([wait, lambda: ["early"]], 2)
    assert next(results) == "early"
    release.set()
    assert list(results) == ["late"]


def test_tasks_that_have_not_begun_are_dropped_when_the_reader_stops():
    begun = []

    def note(number):
        begun.append(number)
        time.sleep(0.05)
        return [number]

    results = run_parallel([lambda n=n: note(n) for n in range(50)], 2)
    next(results)
    results.close()
    time.sleep(0.3)
    assert len(begun) < 10


def test_a_pool_sets_stop_when_its_caller_raises():
    stop = threading.Event()
    with pytest.raises(ValueError, match="given up"), thread_pool(stop, 2):
        raise ValueError("given up")
    assert stop.is_set()


def test_a_pool_that_ends_well_leaves_stop_alone():
    stop = threading.Event()
    with thread_pool(stop, 2) as pool:
        assert pool.submit(lambda: 7).result() == 7
    assert not stop.is_set()


def in_pool(take):
    """Return what runs a task in a pool and takes its result so."""

    def run(task, stop):
        with thread_pool(stop, 2) as pool:
            take(pool, task)

    return run


def in_parallel(task, stop):
    """Run a task whose reader sets `stop` when it gives up."""
    try:
        list(run_parallel([lambda: [task()]], 1))
    finally:
        stop.set()


WAITS = {
    "await_result": in_pool(lambda pool, task: await_result(pool.submit(task))),
    "each_ended": in_pool(lambda pool, task: list(each_ended([pool.submit(task)]))),
    "map_parallel": in_pool(lambda pool, task: list(map_parallel(pool, lambda run: run(), [task]))),
    "describe_loss": in_pool(lambda pool, task: describe_loss(pool.submit(task))),
    "run_parallel": in_parallel,
    "run_bounded": lambda task, stop: list(run_bounded([lambda: [task()]], 1, 60, stop)),
}


@pytest.mark.parametrize("wait", WAITS)
def test_a_signal_that_does_not_break_a_wait_is_heard_all_the_same(wait):
    """One that arrives just before the wait; or here, one that another thread is given."""
    stop, ended = threading.Event(), threading.Event()
    told = []

    def task():
        time.sleep(0.3)  # until the reader waits
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        told.append(stop.wait(20))
        ended.set()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            WAITS[wait](task, stop)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.wait(20)
    assert told == [True]


ENDED = {
    "build/run.py": 1,
    "cli/executor_runs.py": 1,
    "executors.py": 1,
    "publish/batches.py": 1,
    "publish/scheduler.py": 1,
}
"""Where results of jobs are taken that have ended, and how often."""


def test_nothing_waits_for_jobs_but_through_the_pool():
    """Waits of `concurrent.futures` last until the end, whatever signal came before them."""
    waits = re.compile(
        r"\.result\(\)|\.exception\(\)|pool\.map\(|\bas_completed\b|futures\.wait\b"
        r"|^from concurrent.*\bwait\b",
        re.MULTILINE,
    )
    package = Path(distgen.__file__).parent
    found = {
        path.relative_to(package).as_posix(): len(waits.findall(path.read_text(encoding="utf-8")))
        for path in package.rglob("*.py")
        if path != package / "pool.py"
    }
    assert {name: count for name, count in found.items() if count} == ENDED


def test_mapped_results_come_in_order_and_errors_in_their_place():
    def task(number):
        time.sleep(0.05 * (3 - number))
        if number == 2:
            raise ValueError("the third")
        return number

    with thread_pool(threading.Event(), 3) as pool:
        results = map_parallel(pool, task, range(4))
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match="the third"):
            next(results)


def test_jobs_are_yielded_as_they_end():
    release = threading.Event()
    with thread_pool(threading.Event(), 2) as pool:
        jobs = [pool.submit(release.wait, 20), pool.submit(lambda: "early")]
        ended = each_ended(jobs)
        assert next(ended) is jobs[1]
        release.set()
        assert [*ended] == [jobs[0]]


@pytest.mark.parametrize(("files", "jobs"), [(40, 1), (72, 5), (4096, 16)])
def test_jobs_are_limited_by_the_limit_of_open_files(files, jobs):
    """Of 16 jobs, each with pipes to two programs."""
    code = f"""
import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, hard))
from distgen.pool import limit_jobs
print(limit_jobs(16))
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(process.stdout) == jobs


def test_jobs_are_not_limited_without_need():
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1024:
        pytest.skip("this machine allows few open files")
    assert limit_jobs(4) == 4
