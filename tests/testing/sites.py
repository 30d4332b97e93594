"""Catalogues that publish somewhere, and `distgen` run on them in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testing.dist_git import git

TEMPLATE = {
    "templates/app/template.yaml": """\
        description: A program
        values:
          line: {description: A line, type: string, default: FROM-LINE}
        """,
    "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\nRUN {{ line }}\n",
}
NAMESPACE = """\
    registry: registry.example.org/ns
    description: Small images
    streams: {{{streams}}}
    """
STREAMS = {"main": "{branch: main}", "old": "{branch: stable/old}"}
PARENT = "template: app\nfrom: docker.io/library/debian:12\n"
CHILD = "template: app\nfrom: ns/base\n"
COMMAND = (sys.executable, "-m", "distgen")


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def statuses(self) -> dict[str, str]:
        """Return the status of each image and stream, of results in JSON."""
        rows = json.loads(self.out)["results"]
        return {f"{row['image']}@{row['stream']}": row["status"] for row in rows}

    @property
    def results(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.out)["results"]
        return rows


def site(
    catalogue: Callable[[Mapping[str, str]], Path],
    *names: str,
    streams: tuple[str, ...] = ("main",),
    **dist_git: str,
) -> Path:
    """Write a catalogue of images that are all built on the first, and commit it."""
    config = "version: 1\n" + ("dist_git:\n" if dist_git else "")
    config += "".join(f"  {key}: {value}\n" for key, value in dist_git.items())
    listed = ", ".join(f"{name}: {STREAMS[name]}" for name in streams)
    first, *others = names or ("base", "app")
    child = CHILD.replace("ns/base", f"ns/{first}")
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.yaml": config,
            ".gitignore": "/dist-git/\n",
            "overlays/ns/namespace.yaml": NAMESPACE.format(streams=listed),
            f"overlays/ns/{first}.yaml": PARENT,
            **{f"overlays/ns/{name}.yaml": child for name in others},
        }
    )
    save(root)
    return root


def save(root: Path) -> str:
    """Commit the catalogue as it stands and return the commit."""
    if not (root / ".git").exists():
        git("init", "-q", "-b", "main", folder=root)
    git("add", "-A", folder=root)
    git("commit", "-q", "--allow-empty", "-m", "Change the catalogue", folder=root)
    return git("rev-parse", "HEAD", folder=root).strip()


def start(root: Path, *words: object, **environment: str) -> subprocess.Popen[str]:
    """Start `distgen` as a person does, with a store of its own."""
    home = root.parent / "home"
    home.mkdir(exist_ok=True)
    return subprocess.Popen(
        [*COMMAND, "-C", str(root), *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environment},
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str], patience: float = 120) -> Ran:
    """Wait some seconds for a command and return what it left behind."""
    out, err = process.communicate(timeout=patience)
    assert "Traceback" not in err, err
    return Ran(process.returncode, out, err)


def distgen(root: Path, *words: object, **environment: str) -> Ran:
    """Run `distgen` as a person does."""
    return ended(start(root, *words, **environment))
