"""A Dask scheduler and workers on loopback, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from testing.transports import free_port

PATIENCE = 60


@dataclass
class Cluster:
    """A scheduler, its `address`, and its workers; `pages` is where it shows what it does."""

    folder: Path
    address: str = ""
    pages: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a program of Dask."""
        own = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        with (self.folder / f"log{len(self.processes)}").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**own, "HOME": str(self.folder), **environment},
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def worker(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker that does one task at a time, and wait until it can be used."""
        count = self.logs.count("Starting established connection to tcp")
        words = ("--no-nanny", "--nthreads", "1", "--no-dashboard")
        folder = ("--local-directory", str(self.folder))
        process = self.start(
            "distributed.cli.dask_worker", self.address, *words, *folder, **environment
        )
        marker = "Starting established connection to tcp"
        wait_until(lambda: self.logs.count(marker) > count, self)
        return process

    @property
    def logs(self) -> str:
        """Return all that scheduler and workers have said."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("log*")))


def wait_until(is_so: Callable[[], bool], cluster: Cluster) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, cluster.logs
        time.sleep(0.05)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Run a scheduler until the end; without Dask the test is skipped."""
    pytest.importorskip("distributed")
    folder.mkdir(parents=True)
    made, place, port = Cluster(folder), folder / "scheduler.json", free_port()
    words = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", f"127.0.0.1:{port}")
    made.start("distributed.cli.dask_scheduler", *words, "--scheduler-file", str(place))
    try:
        wait_until(lambda: place.exists() and place.read_text().endswith("}"), made)
        made.address = json.loads(place.read_text())["address"]
        made.pages = f"http://127.0.0.1:{port}"
        yield made
    finally:
        for process in made.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
