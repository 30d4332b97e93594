"""The monasca namespace of the catalogue, rendered, and a stand-in for its containers.

Images are not built here. Scripts run in the shells of this machine, with the paths of the image
moved below a folder, and with programs that write down how they were called.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from distgen.catalogue.load import load_catalogue
from distgen.dockerfile.parse import Dockerfile, key_values, parse
from distgen.model.catalogue import Catalogue
from distgen.model.lock import Lock
from distgen.model.rendered import Tree
from distgen.render.renderer import Renderer

ROOT = Path(__file__).parents[2]
COMPONENTS = [
    "agent-collector",
    "agent-forwarder",
    "api",
    "client",
    "log-api",
    "notification",
    "persister",
    "statsd",
    "tempest-tests",
]
NAMES = sorted(["base", "thresh", *COMPONENTS])
STREAMS = ("master", "2023.2", "2023.1")
SHELL = "dash" if shutil.which("dash") else "sh"
# The ash of busybox prefers its own sleep and nc to stand-ins, so it runs what needs neither.
SHELLS = [[SHELL], *([["busybox", "ash"]] if shutil.which("busybox") else [])]
MOVED = re.compile(
    r"(?<![\w.}/-])/(etc/monasca|etc/tempest|templates|plugins\.d|storm/|logging|wait_for\.sh"
    r"|kafka_wait_for_topics\.py|mysql_check\.py|kubernetes_get_host\.py|memory\.py)"
)


@cache
def make_catalogue() -> Catalogue:
    """Return the catalogue of this repository."""
    return load_catalogue(ROOT)


@cache
def trees() -> dict[str, Tree]:
    """Return every image of the namespace in every stream, by name@stream."""
    renderer = Renderer(make_catalogue(), Lock())
    return {
        image.key.removeprefix("monasca/"): renderer.tree(image)
        for image in make_catalogue().images
        if image.namespace == "monasca"
    }


def text_of(tree: Tree, path: str) -> str:
    return next(file.content.decode() for file in tree.files if file.path == path)


def dockerfile_of(tree: Tree) -> Dockerfile:
    return parse(text_of(tree, "Dockerfile"))


def words_of(tree: Tree, cmd: str) -> dict[str, str]:
    """Return what the last stage's ENV or LABEL instructions set."""
    instructions = dockerfile_of(tree).stages[-1].instructions
    return {key: value for one in instructions if one.cmd == cmd for key, value in key_values(one)}


def written(tree: Tree, folder: Path) -> Path:
    for file in tree.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(file.mode & 0o777)
    return folder


class Container:
    """A folder that stands for a container, with programs that write down how they were called."""

    def __init__(self, tree: Tree, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        self.bin.mkdir(parents=True)
        self.log = root / "log"
        self.log.touch()
        self.environment = {
            **words_of(tree, "ENV"),
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "LOG": str(self.log),
        }
        self.script = root / "start.sh"
        self.script.write_text(MOVED.sub(rf"{root}/\1", text_of(tree, "start.sh")))

    def program(self, name: str, body: str = "") -> None:
        """Add a program; it writes down its words, then does what `body` says."""
        path = (self.root if name.endswith((".py", ".sh")) else self.bin) / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> "$LOG"\n{body}\n')
        path.chmod(0o755)

    def start(self, shell: Sequence[str], *words: str, **environment: str) -> tuple[int, list[str]]:
        """Run the start script; return its status and the programs it called."""
        cwd = self.root / "work"
        cwd.mkdir(exist_ok=True)
        done = subprocess.run(
            [*shell, self.script, *words],
            env={**self.environment, **environment},
            cwd=cwd,
            capture_output=True,
            check=False,
            text=True,
            timeout=30,
        )
        calls = self.log.read_text().replace(str(self.root), "").splitlines()
        return done.returncode, [call.strip() for call in calls]


def container(tree: Tree, root: Path) -> Container:
    made = Container(tree, root)
    for name in ("kafka_wait_for_topics.py", "mysql_check.py", "wait_for.sh", "templer", "sleep"):
        made.program(name)
    return made


def templer(folder: str, *names: str) -> list[str]:
    return [f"templer --force --verbose {folder}/{name}.j2 {folder}/{name}" for name in names]
