"""An engine with a store of its own, in which there is a small image to build on."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from testing.sites import Ran, distgen
from testing.transports import program

BASE = "docker.io/library/debian:12"
STORAGE = '[storage]\ndriver = "vfs"\ngraphroot = "{0}/storage"\nrunroot = "{0}/run"\n'


@dataclass(frozen=True)
class EngineRoom:
    """Runs an engine, and distgen with it, on a store of their own."""

    folder: Path
    name: str = "buildah"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "BUILDAH_ISOLATION": "chroot",
            "TMPDIR": str(self.folder / "tmp"),
        }

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.name, *map(str, words)],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def distgen(self, root: Path, *words: object, **environment: str) -> Ran:
        """Run `distgen` as a person does who has this engine."""
        return distgen(root, *words, **self.environment, **environment)

    def inspect(self, reference: str) -> dict[str, Any]:
        """Return the configuration of an image, as docker has it."""
        said = self.run("inspect", "--type=image", reference).stdout
        configuration: dict[str, Any] = json.loads(said)
        docker: dict[str, Any] = configuration["Docker"]
        return docker

    def images(self) -> dict[str, str]:
        """Return the id of each image that has a name."""
        said = self.run("images", "--no-trunc", "--format={{.Name}}:{{.Tag}} {{.ID}}").stdout
        pairs = (line.split() for line in said.splitlines())
        return {name: image_id for name, image_id in pairs if "<none>" not in name}

    def containers(self) -> list[str]:
        return self.run("containers", "--all", "--quiet").stdout.split()


def write_root(folder: Path) -> None:
    """Write a root folder with a shell and nothing else: busybox and the libraries it needs."""
    binary = shutil.which("busybox")
    assert binary
    (folder / "bin").mkdir(parents=True)
    shutil.copy(binary, folder / "bin/busybox")
    for name in ("sh", "echo", "sleep", "cat", "id", "head", "tr", "printf", "true", "false"):
        (folder / "bin" / name).symlink_to("busybox")
    listed = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"(/\S+) \(0x", listed):
        target = folder / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    (folder / "etc").mkdir()
    users = {"root": 0, "person": 1000, "nobody": 65534}
    lines = [f"{name}:x:{number}:{number}::/:/bin/sh\n" for name, number in users.items()]
    (folder / "etc/passwd").write_text("".join(lines))
    groups = [f"{name}:x:{number}:\n" for name, number in users.items()]
    (folder / "etc/group").write_text("".join(groups))


def open_engine_room(folder: Path, engine: str = "buildah") -> Iterator[EngineRoom]:
    """Yield an engine with a store that holds `BASE`; skip where it cannot build."""
    if os.geteuid() != 0:
        pytest.skip("only root can build without ids of its own")
    program(engine)
    program("busybox")
    (folder / "tmp").mkdir(parents=True)
    (folder / "storage.conf").write_text(STORAGE.format(folder))
    room = EngineRoom(folder, engine)
    write_root(folder / "base/root")
    (folder / "base/Dockerfile").write_text("FROM scratch\nADD root /\nRUN true\n")
    made = room.run("build", "-q", "-t", BASE, folder / "base")
    if made.returncode:
        pytest.skip(f"{engine} cannot build here: {made.stderr[-200:]}")
    yield room
    room.run("rmi", "--all", "--force")
    shutil.rmtree(folder, ignore_errors=True)
