"""Programs that run in containers of the images, which share the network of this machine."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.lab import Lab
from testing.containers import Ended, Engine

HOST = "127.0.0.1"
PATIENCE = 180
"""Seconds until something that should come is given up, on a machine that does much else."""

APART = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
"""Processes are seen as in a container, and end with the first."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def await_that(holds: Callable[[], bool], told: Callable[[], str]) -> None:
    """Wait until something holds; fail with what is told then."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, told()
        time.sleep(0.2)


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex((HOST, port)) == 0


@dataclass
class Program:
    """A program that runs in a container; all that it prints is in the log."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def await_text(self, words: str) -> None:
        await_that(lambda: words in self.text or self.process.poll() is not None, lambda: self.text)
        assert words in self.text, self.text[-3000:]

    def await_port(self, port: int) -> None:
        await_that(lambda: listens(port) or self.process.poll() is not None, lambda: self.text)
        assert self.process.poll() is None, self.text[-3000:]

    def await_end(self) -> int:
        """Return the exit code of a program that ends by itself."""
        await_that(lambda: self.process.poll() is not None, lambda: self.text)
        return self.process.wait()

    def say(self, line: str) -> None:
        """Give the program a line, and wait until it took it."""
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        self.await_text(f"took {line}\n")

    @property
    def first(self) -> str:
        """Return the id of its first process, as this machine counts them."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        await_that(lambda: bool(children.read_text().strip()), lambda: self.text)
        return children.read_text().strip()

    def stop(self) -> None:
        """End all of its processes, those that left its group as well."""
        self.process.kill()
        self.process.wait(60)


@dataclass(frozen=True)
class Container:
    """A container that was made of an image."""

    engine: Engine
    name: str
    logs: Path

    def words(self, words: Sequence[str], variables: Mapping[str, str]) -> list[str]:
        pairs = [f"{name}={value}" for name, value in variables.items()]
        return ["buildah", "run", self.name, "--", "env", *pairs, *words]

    def run(self, *words: str, **variables: str) -> Ended:
        """Run a command to its end."""
        return self.engine.call(self.words(words, variables))

    def run_alone(self, *words: str, **variables: str) -> Ended:
        """Run a command that sees no process of others."""
        return self.engine.call([*APART, *self.words(words, variables)])

    def run_beside(self, program: Program, *words: str, **variables: str) -> Ended:
        """Run a command that sees the processes of a program that runs in this container."""
        enter = ["nsenter", "--target", program.first, "--pid", "--mount"]
        return self.engine.call([*enter, *self.words(words, variables)])

    def start(self, *words: str, **variables: str) -> Program:
        """Begin a command that sees no process of others."""
        log = self.logs / f"{self.name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*APART, *self.words(words, variables)],
                env=self.engine.environment,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        return Program(process, log)


@contextmanager
def open_container(lab: Lab, reference: str) -> Iterator[Container]:
    logs = lab.folder / "logs"
    logs.mkdir(exist_ok=True)
    name = lab.engine.run("from", "--pull-never", reference).strip()
    try:
        yield Container(lab.engine, name, logs)
    finally:
        lab.engine.run("rm", name)


@contextmanager
def running(container: Container, *words: str, **variables: str) -> Iterator[Program]:
    program = container.start(*words, **variables)
    try:
        yield program
    finally:
        program.stop()
