"""Clones of published repositories, built as their READMEs say: distgen has no part in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from e2e.lab import Lab, say
from testing.containers import Cost
from testing.dist_git import git

WORKERS = 2
SUMMARY: list[str] = []
"""Lines that the end of a run prints: an image each."""


@dataclass(frozen=True)
class Built:
    """An image as it came of a clone: what it cost, and how many bytes a pull has, if pushed."""

    name: str
    reference: str
    cost: Cost
    size: int = 0

    def __str__(self) -> str:
        times = f"{self.cost.seconds:5.0f} s, {self.cost.processor:4.0f} s of a processor"
        size = f", {self.size / 1e6:4.0f} MB" if self.size else ""
        return f"{self.name:26} {times}{size}"


@dataclass(frozen=True)
class Clone:
    """What a packager has of an image."""

    name: str
    folder: Path

    @property
    def command(self) -> list[str]:
        """Return the command of the README that builds it."""
        readme = (self.folder / "README.rst").read_text()
        (line,) = re.findall(r"^ +(buildah bud .*)$", readme, re.MULTILINE)
        return shlex.split(line)

    @property
    def reference(self) -> str:
        """Return the name that the README gives the image."""
        words = self.command
        return words[words.index("-t") + 1]

    @property
    def bases(self) -> list[str]:
        """Return what the Dockerfile is built on, and takes files from."""
        text = (self.folder / "Dockerfile").read_text()
        pairs = re.findall(r"^FROM (\S+)|--from=(\S+/\S+)", text, re.MULTILINE)
        return [name for pair in pairs for name in pair if name]


def clone(lab: Lab, name: str, folder: Path, branch: str = "master") -> Clone:
    """Clone a repository over HTTP, as anybody may."""
    git("clone", "-q", "-b", branch, f"{lab.server.url}/dist-git/{name}.git", str(folder / name))
    return Clone(name, folder / name)


def build(lab: Lab, clone: Clone) -> Cost:
    """Build an image by the command of its README, with the site's volumes."""
    program, verb, *words = clone.command
    log = lab.folder / "logs" / f"{clone.name.replace('/', '-')}.log"
    log.parent.mkdir(exist_ok=True)
    mounts = [word for volume in lab.volumes for word in ("-v", volume)]
    return lab.engine.build([program, verb, *mounts, *words], clone.folder, log)


def push(lab: Lab, clone: Clone, cost: Cost) -> Built:
    """Push an image that cost so much to build."""
    lab.engine.run("push", "-q", clone.reference)
    built = Built(clone.name, clone.reference, cost, lab.engine.size(clone.reference))
    say(f"built {built}")
    return built


def keep(lab: Lab, clone: Clone, cost: Cost) -> Built:
    """Leave an image in the engine's storage, where those that are built on it find it."""
    built = Built(clone.name, clone.reference, cost)
    say(f"built {built}")
    return built


def build_all(
    lab: Lab, clones: Sequence[Clone], deliver: Callable[[Lab, Clone, Cost], Built] = push
) -> dict[str, Built]:
    """Build clones, each after those that its Dockerfile names, and deliver them.

    Two are built at a time. Nobody waits for a push: the engine has the parents under their names.
    """
    names = {clone.reference: clone.name for clone in clones}
    needs = {c.name: {names[base] for base in c.bases if base in names} for c in clones}
    by_name = {clone.name: clone for clone in clones}
    with ThreadPoolExecutor(1) as pushes:
        pushed = {}
        for name, cost in in_order(needs, lambda name: build(lab, by_name[name])):
            pushed[name] = pushes.submit(deliver, lab, by_name[name], cost)
        return {name: pushed[name].result() for name in by_name}


def in_order(
    needs: Mapping[str, set[str]], work: Callable[[str], Cost]
) -> Iterator[tuple[str, Cost]]:
    """Do work on each name after those that it needs, and yield what came of it.

    Of those that can begin, the first of `needs` is the first.
    """
    order = list(needs)
    graph = TopologicalSorter(needs)
    graph.prepare()
    ready: list[str] = []
    running: dict[Future[Cost], str] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        while graph.is_active():
            ready = sorted([*ready, *graph.get_ready()], key=order.index)
            while ready and len(running) < WORKERS:
                name = ready.pop(0)
                running[pool.submit(work, name)] = name
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                graph.done(running[future])
                yield running.pop(future), future.result()
