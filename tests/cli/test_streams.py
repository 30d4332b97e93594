"""A reader of standard output may leave; other broken pipes are failures."""

import os
import subprocess
import sys

import pytest

BREAK = """
import errno, sys
from distgen.cli.streams import ignore_broken_pipe
with ignore_broken_pipe():
    raise BrokenPipeError(errno.EPIPE, "git has gone")
sys.stderr.write("swallowed")
"""


@pytest.mark.parametrize("is_read", [True, False], ids=["read", "left"])
def test_only_a_reader_that_left_is_ignored(is_read):
    """A git that ended early was taken for one: exit code 0, and nothing was printed."""
    reading, writing = os.pipe()
    if not is_read:
        os.close(reading)
    process = subprocess.run(
        [sys.executable, "-c", BREAK],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )
    os.close(writing)
    assert ("swallowed" in process.stderr, process.returncode) == (not is_read, int(is_read))
    assert ("a program ended while distgen was writing to it" in process.stderr) == is_read
