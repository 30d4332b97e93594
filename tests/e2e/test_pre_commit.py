"""pre-commit installs this package and runs its hooks in a repository with a catalogue."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from testing.dist_git import git

ROOT = Path(__file__).parents[2]
NO_PART = ("tests", "doc", "build", "dist", "dist-git")
HOOKS = ".pre-commit-hooks.yaml"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with the package, as pre-commit clones it."""
    root = tmp_path_factory.mktemp("product")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for source in ROOT.iterdir():
        if source.name in NO_PART or (source.name.startswith(".") and source.name != HOOKS):
            continue
        if source.is_dir():
            shutil.copytree(source, root / source.name, ignore=ignored)
        else:
            shutil.copy2(source, root / source.name)
    commit(root)
    return root


def commit(root: Path) -> None:
    git("init", "-q", "-b", "main", folder=root)
    git("add", "-A", "-f", folder=root)
    git("commit", "-q", "-m", "Begin", folder=root)


def test_the_hooks_run_from_a_clone_of_this_repository(product: Path, tmp_path: Path) -> None:
    root = tmp_path / "repository"
    shutil.copytree(ROOT / "distgen/minimal", root / "images")
    overlay = root / "images/overlays/example/hello.yaml"
    overlay.write_text(overlay.read_text().replace("template: ", "template:    "))
    (root / "README").write_text("Images\n")
    (root / ".pre-commit-config.yaml").write_text(
        f"""\
repos:
  - repo: {product}
    rev: {git("rev-parse", "HEAD", folder=product).strip()}
    hooks:
      - id: distgen-format
        args: [-C, images]
      - id: distgen-lint
        args: [-C, images]
      - id: distgen-lock-check
        args: [-C, images]
"""
    )
    commit(root)
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "hooks")}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["pre-commit", *words]
        return subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, check=False
        )

    ran = run("run", "--files", "README")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("(no files to check)Skipped") == 3
    ran = run("run", "--all-files")
    assert ran.returncode == 1
    rows = [row for row in ran.stdout.splitlines() if row.startswith("distgen ")]
    assert [row.rpartition(".")[2] for row in rows] == ["Failed", "Passed", "Failed"], ran.stdout
    assert "files were modified by this hook" in ran.stdout
    assert "docker.io/library/debian:bookworm-slim  not in the lock" in ran.stdout
    assert "template: hello\n" in overlay.read_text()
    git("add", "-A", folder=root)
    ran = run("try-repo", str(product), "distgen-format", "--all-files", "-v")
    assert ran.returncode == 1  # there is no catalogue at the top
    assert "there is no distgen.yaml here or above" in ran.stdout
