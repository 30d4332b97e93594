"""A run of tests fails that skips some for a reason which is not expected."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
EXPECTED = """
import pytest
def test_one(): pytest.skip("no lists of real releases beside the checkout")
def test_two(): pytest.xfail("later")
def test_three(): pass
"""
UNEXPECTED = """
import pytest
def test_one(): pytest.skip("nginx is not installed")
@pytest.mark.skipif(True, reason="why not")
def test_two(): pass
def test_three(): pass
"""
MODULE = "import pytest\npytest.importorskip('no_such_module')"
MISSING = "could not import 'no_such_module': No module named 'no_such_module'"


def run(folder, *options):
    """Run the tests in a folder, and return how that ended and what it said of skipping."""
    shutil.copy(CONFTEST, folder)
    # Among those of all runs it would make room for its own, and what they left may be gigabytes.
    own = ("--rootdir", str(folder), "--basetemp", str(folder / "temporary"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *own, *options, str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        check=False,
    )
    _, heading, rest = done.stdout.partition("skipped for a reason that is not expected")
    lines = rest.splitlines()[1:] if heading else []
    return done.returncode, [line for line in lines if line.startswith("test_")]


@pytest.mark.parametrize("parallel", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "xdist"])
def test_what_is_skipped_for_an_unexpected_reason_fails_the_run(tmp_path, parallel):
    (tmp_path / "test_x.py").write_text(EXPECTED)
    assert run(tmp_path, "--no-unexpected-skips", *parallel) == (0, [])
    (tmp_path / "test_y.py").write_text(UNEXPECTED)
    (tmp_path / "test_z.py").write_text(MODULE)
    assert run(tmp_path, "--no-unexpected-skips", *parallel) == (
        1,
        [
            "test_y.py::test_one: nginx is not installed",
            "test_y.py::test_two: why not",
            f"test_z.py: {MISSING}",
        ],
    )


def test_otherwise_whatever_is_skipped_is_fine(tmp_path):
    (tmp_path / "test_y.py").write_text(UNEXPECTED)
    assert run(tmp_path) == (0, [])
