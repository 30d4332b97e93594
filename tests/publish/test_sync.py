"""What is called published survives a power cut: local repositories are brought to the disk."""

import os
import shutil
import subprocess
import sys

import pytest
from testing.sites import save, site

TRACED = ("fsync", "fdatasync", "sync_file_range", "rename", "renameat", "renameat2")


@pytest.fixture
def root(catalogue):
    return site(catalogue, "base")


def synced(root, *words):
    """Return how many files and folders below dist-git a run of publish brought to the disk."""
    trace = root.parent / "trace"
    command = ("strace", "-f", "-y", "-qq", "-e", f"trace={','.join(TRACED)}", "-o", str(trace))
    publish = (sys.executable, "-m", "distgen", "-C", str(root), "publish", *words)
    environment = {"PATH": os.environ["PATH"], "HOME": str(root.parent)}
    subprocess.run([*command, *publish], check=True, capture_output=True, env=environment)
    lines = trace.read_text().splitlines()
    return sum("fsync(" in line and "/dist-git/" in line for line in lines)


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_objects_and_refs_are_on_the_disk(root):
    """No fsync was called at all."""
    assert synced(root) > 3, "a new repository"
    text = (root / "overlays/ns/base.yaml").read_text()
    (root / "overlays/ns/base.yaml").write_text(f"{text}values: {{line: more}}\n")
    save(root)
    assert synced(root) > 1, "objects and a ref of a repository that is there"


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_who_does_not_need_it_does_without(root):
    assert synced(root, "--no-sync") == 0
