"""Reading and writing the lock."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from distgen.errors import InputError
from distgen.lock.file import dump_lock, parse_lock, read_lock
from distgen.model.lock import LOCK_LIMIT, Lock, LockedBase, LockedSource

LOCK = Lock(
    bases={
        "docker.io/library/python:3.11": LockedBase("sha256:" + "b" * 64, "linux/amd64"),
        "docker.io/library/debian:12": LockedBase("sha256:" + "a" * 64),
    },
    sources={
        ("https://h/z", "stable/1.0"): LockedSource("2" * 40, "2024-05-02T12:00:00Z", "1.0"),
        ("https://h/z", "1e3"): LockedSource("1" * 40, "2024-05-01T12:00:00Z"),
        ("https://h/a", "refs/changes/01/1/1"): LockedSource("3" * 64, "2024-05-03T12:00:00Z"),
    },
    downloads={"https://h/" + "long/" * 60 + "f.tgz": "c" * 64, "https://h/é": "d" * 64},
)
TEXT = f"""\
# Written by `distgen lock`: commit it, do not edit it.
version: 1
# Images of other registries, each tag with the digest that it stood for.
bases:
  docker.io/library/debian:12:
    digest: sha256:{"a" * 64}
  docker.io/library/python:3.11:
    digest: sha256:{"b" * 64}
    platform: linux/amd64
# Git repositories, each ref with the commit that it stood for, and its date.
sources:
  https://h/a:
    refs/changes/01/1/1:
      commit: '{"3" * 64}'
      date: '2024-05-03T12:00:00Z'
  https://h/z:
    '1e3':
      commit: '{"1" * 40}'
      date: '2024-05-01T12:00:00Z'
    stable/1.0:
      commit: '{"2" * 40}'
      date: '2024-05-02T12:00:00Z'
      version: '1.0'
"""


def test_a_lock_is_written_sorted_and_read_back(tmp_path):
    text = dump_lock(LOCK)
    assert text.startswith(TEXT)
    assert f"\n  https://h/é:\n    sha256: {'d' * 64}\n" in text
    path = tmp_path / "distgen.lock"
    path.write_text(text)
    assert read_lock(path) == LOCK
    assert dump_lock(read_lock(path)) == text


def test_a_lock_that_is_not_there_is_empty(tmp_path):
    assert read_lock(tmp_path / "distgen.lock") == Lock()
    assert parse_lock(dump_lock(Lock())) == Lock()


def test_facts_typed_without_quotes_are_text():
    commit = "1" * 40
    text = f"version: 1\nsources: {{a: {{3.10: {{commit: {commit}, date: 2024-05-01T12:00:00Z}}}}}}"
    lock = parse_lock(text)
    assert lock.sources == {("a", "3.10"): LockedSource(commit, "2024-05-01T12:00:00Z")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "distgen.lock:1:1: the key `version` is missing"),
        ("version: 1\nbase: {}", "distgen.lock:2:1: unknown key `base`; did you mean `bases`?"),
        ("version: 1\nbases: {docker.io/x:1: {digest: sha256:1}}", "distgen.lock:2:25: "
         "`bases.docker.io/x:1.digest: sha256:1` is not a digest: `sha256:...`"),
        ("version: 1\n<<<<<<< ours\nbases: {}", "distgen.lock:2: holds a merge conflict; "
         "resolve it"),
    ],
)  # fmt: skip
def test_a_broken_lock_is_one_sentence(text: str, message: str):
    with pytest.raises(InputError) as caught:
        parse_lock(text)
    assert str(caught.value) == message


def test_a_lock_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "distgen.lock").mkdir()
    with pytest.raises(InputError, match=r"distgen\.lock: is not a file"):
        read_lock(tmp_path / "distgen.lock")


@pytest.mark.parametrize("command", [["render", "-o", "out"], ["lock"], ["lint"]])
@pytest.mark.parametrize("kind", ["pipe", "endless", "large"])
def test_a_lock_without_an_end_is_refused_at_once(tmp_path, command, kind):
    """A pipe kept `render` and `lock` waiting for ever; a link to /dev/zero took all memory."""
    (tmp_path / "distgen.yaml").write_text("version: 1\n")
    path = tmp_path / "distgen.lock"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as stream:
            stream.truncate(LOCK_LIMIT + 1)
    ran = subprocess.run(
        [sys.executable, "-m", "distgen", "-C", tmp_path, *command],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    messages = {
        "pipe": f"{path}: is not a file",
        "endless": "distgen.lock: is a link that leads outside the catalogue;"
        " copy what it leads to",
        "large": f"{path}: is larger than 16 MiB",
    }
    assert (ran.returncode, ran.stderr) == (2, f"distgen: {messages[kind]}\n")
