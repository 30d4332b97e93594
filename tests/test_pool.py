"""Tasks in threads: each error reaches the reader, and a given-up run ends its threads."""

import resource
import subprocess
import sys
import threading
import time

import pytest

from distgen.pool import limit_jobs, run_parallel, thread_pool


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
