"""A run that finds nothing new loads no library that only others need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from testing.catalogues import SMALL
from testing.commandline import distgen  # noqa: F401

HEAVY = (
    "jinja2",
    "yaml",
    "jsonschema",
    "requests",
    "urllib3",
    "dulwich",
    "git",
    "rich",
    "dockerfile",
)
PROGRAM = f"""
import sys
from distgen.cli.main import main
code = main()
print(*(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def published(catalogue, distgen):  # noqa: F811
    root = catalogue(SMALL)
    assert distgen(root, "publish").code == 0
    assert distgen(root, "render", "-o", str(root.parent / "trees")).code == 0
    return root


COMMANDS = {
    "publish": ("publish",),
    "status": ("status",),
    "list": ("list",),
    "graph": ("graph",),
    "render": ("render", "-o", "../trees"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_heavy_is_loaded_where_nothing_changed(published, command):
    package = Path(__import__("distgen").__file__).parents[1]
    # A process of its own: this one has loaded them all.
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, "-q", *COMMANDS[command]],
        cwd=published,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr.split() == []
