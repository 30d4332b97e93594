"""Temporary folders: held by their process, and removed by the next run after a kill."""

import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from testing.sites import distgen, site, start

from distgen.git.local import remove_unfinished
from distgen.git.temporary import held_folder, scratch_folder

HOLD = """
import sys, time
from distgen.git.temporary import held_folder, scratch_folder
from pathlib import Path
with {expression} as folder:
    (folder / "file").write_text("x")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def holder(expression, temporary):
    """Start a process that holds a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(expression=expression)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": ":".join(sys.path)},
    )
    assert process.stdout.readline().strip()
    return process


def test_what_a_killed_process_held_is_removed_at_once(temporary):
    """18 folders stayed after 12 kills, for ever."""
    process = holder("scratch_folder()", temporary)
    with scratch_folder():
        assert len(list(temporary.iterdir())) == 2, "its owner is alive"
    process.kill()
    process.wait()
    with scratch_folder() as folder:
        assert list(temporary.iterdir()) == [folder]
    assert list(temporary.iterdir()) == []


def test_repositories_that_were_begun_are_removed(temporary):
    process = holder(f"held_folder(Path({str(temporary)!r}), '.app.git.distgen-')", temporary)
    remove_unfinished(temporary)
    assert len(list(temporary.iterdir())) == 1, "its owner is alive"
    process.kill()
    process.wait()
    remove_unfinished(temporary)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["distgen-scratch-mine", "distgen-checkout", "distgen-scratch-ABCDEFGH", ".app.git"]
)
def test_folders_of_people_stay(temporary, name):
    (temporary / name).mkdir()
    (temporary / name / "file").write_text("x")
    with scratch_folder():
        pass
    remove_unfinished(temporary)
    assert (temporary / name / "file").exists()


def test_a_link_is_not_followed(temporary, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("x")
    (temporary / "distgen-scratch-abcdefgh").symlink_to(tmp_path / "mine")
    with scratch_folder():
        pass
    assert (tmp_path / "mine/file").exists()


def test_after_many_kills_a_run_leaves_nothing(catalogue, temporary):
    root = site(catalogue, "base", *(f"app{number}" for number in range(6)))
    killed = 0
    for _ in range(6):
        process = start(root, "publish", TMPDIR=str(temporary))
        deadline = time.monotonic() + 30
        while not list(root.glob("dist-git/ns/.*.distgen-*")) and time.monotonic() < deadline:
            if process.poll() is not None:
                break
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
    assert killed, "at least one kill came while a repository was made"
    assert distgen(root, "publish", TMPDIR=str(temporary)).code == 0
    assert list(root.glob("dist-git/ns/.*")) == []
    assert list(temporary.iterdir()) == []


def test_a_held_folder_goes_with_an_error(temporary):
    with pytest.raises(RuntimeError), held_folder(temporary, "x-"):
        raise RuntimeError
    assert list(temporary.iterdir()) == []
