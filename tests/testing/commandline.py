"""The `distgen` command run in this process, and small real git repositories for it to read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from distgen.cli.main import main
from distgen.schema.packaged import load_schema


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def distgen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `distgen -C ROOT ARGUMENTS...`."""

    def run(root: Path, *arguments: object) -> Ran:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["distgen", "-C", str(root), *map(str, arguments)])
        code = main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Ran(code, said.out, said.err)

    return run


@dataclass(frozen=True)
class Upstream:
    """A git repository of a component."""

    path: Path

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def git(self, *arguments: str, date: str = "2024-05-01T12:00:00Z") -> str:
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            check=True,
            capture_output=True,
            text=True,
            env={
                "PATH": "/usr/bin:/bin:/usr/local/bin",
                "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_AUTHOR_NAME": "A",
                "GIT_AUTHOR_EMAIL": "a@example.org",
                "GIT_COMMITTER_NAME": "C",
                "GIT_COMMITTER_EMAIL": "c@example.org",
                "GIT_AUTHOR_DATE": date,
                "GIT_COMMITTER_DATE": date,
            },
        )
        return done.stdout.strip()

    def commit(self, message: str, date: str = "2024-05-01T12:00:00Z") -> str:
        """Add an empty commit to the branch that is checked out and return its id."""
        self.git("commit", "-q", "--allow-empty", "-m", message, date=date)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def upstream(tmp_path: Path) -> Callable[[str], Upstream]:
    """Return a function that makes a git repository with one commit on master."""

    def make(name: str) -> Upstream:
        made = Upstream(tmp_path / "upstream" / name)
        made.path.mkdir(parents=True)
        made.git("init", "-q", "-b", "master")
        made.commit("begin")
        return made

    return make


def keeps_to_its_schema(kind: str, printed: Any) -> None:
    """See that what a command printed as JSON is what `distgen schema KIND` promises."""
    Draft202012Validator(load_schema(kind)).validate(printed)
