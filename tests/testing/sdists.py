"""Sources as PyPI has them, made into git repositories like those of their projects."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from testing.dist_git import git

MADE = ("PKG-INFO", "AUTHORS", "ChangeLog")
"""What a release has beside the files of its repository."""


def fetch_sdist(name: str, version: str, folder: Path) -> Path:
    """Fetch the source of a release with pip, and return its folder."""
    folder.mkdir(parents=True)
    options = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "-q", "-d", folder]
    options += ["--ignore-requires-python"]  # only its source is wanted
    fetched = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, f"{name}=={version}"],
        env={**os.environ, "PBR_VERSION": version},
        capture_output=True,
        check=False,
        text=True,
    )
    assert fetched.returncode == 0, fetched.stdout + fetched.stderr
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return archive.with_name(archive.name.removesuffix(".tar.gz"))


def commit_release(source: Path, version: str, address: Path) -> str:
    """Push the source as one commit with the tag of its version; return the commit.

    The version is in the tag alone, so it is git's that a build finds.
    """
    for path in (*(source / name for name in MADE), *source.glob("*.egg-info")):
        subprocess.run(["rm", "-rf", path], check=True)
    git("init", "-q", "-b", "master", folder=source)
    git("add", "-A", "-f", folder=source)
    git("commit", "-q", "-m", f"Release {version}", folder=source)
    git("tag", "-a", "-m", version, version, folder=source)
    git("push", "-q", str(address), "master", version, folder=source)
    return git("rev-parse", "HEAD", folder=source).strip()
