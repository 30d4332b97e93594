"""Fixtures of the chain: each is one thing that was done, and the tests look at what came of it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.chain import SUMMARY, Built, Clone, build_all, clone
from e2e.facts import FACTS
from e2e.lab import NAMESPACES, Lab, fill, open_lab, settle, timed
from testing.containers import MACHINE

PROGRAMS = ("buildah", "debootstrap", "docker-registry", "skopeo")
BEGAN = time.monotonic()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long each image took and how large it is; say it loud where nothing was built."""
    if os.geteuid() != 0:
        terminalreporter.section("NOTHING WAS BUILT: only root can build these images", red=True)
    elif SUMMARY:
        terminalreporter.section("images as they were built")
        for line in SUMMARY:
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"all together {time.monotonic() - BEGAN:.0f} s")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The servers, with bases and sources, and the site's catalogue."""
    if os.geteuid() != 0:
        pytest.skip("only root can build without ids of its own")
    missing = [name for name in PROGRAMS if not shutil.which(name, path=MACHINE)]
    assert not missing, f"apt-get install {' '.join(missing)}"
    temporary = tempfile.TemporaryDirectory(prefix="distgen-e2e-")
    with temporary as folder, open_lab(Path(folder)) as lab:
        fill(lab)
        settle(lab)
        yield lab


@pytest.fixture(scope="session")
def locked(lab: Lab) -> Lab:
    """The site has a lock of its own for what is built here."""
    ended = lab.distgen("lock", *FACTS, "--upgrade")
    assert ended.code == 0, ended
    lab.commit("Lock what is built here")
    return lab


@pytest.fixture(scope="session")
def published(locked: Lab) -> Lab:
    """Every image of three namespaces has its repository."""
    listed = locked.distgen("list", "--format", "json", *NAMESPACES)
    for name in {row["image"] for row in json.loads(listed.out)}:
        locked.server.repository(f"dist-git/{name}.git")
    with timed("publish"):
        ended = locked.distgen("publish", *NAMESPACES)
    assert ended.code == 0, ended
    return locked


@pytest.fixture(scope="session")
def clones(published: Lab) -> dict[str, Clone]:
    folder = published.folder / "clones"
    return {name: clone(published, name, folder, FACTS[name].branch) for name in FACTS}


@pytest.fixture(scope="session")
def built(published: Lab, clones: dict[str, Clone]) -> dict[str, Built]:
    """Each image was built from its clone, and pushed."""
    assert not shutil.which("distgen", path=MACHINE)
    with timed("all images"):
        images = build_all(published, list(clones.values()))
    SUMMARY.extend(str(images[name]) for name in FACTS)
    return images
