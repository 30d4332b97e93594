"""The README's tour, run as a new user would."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
EXAMPLES = [HERE / "README.rst", *sorted((HERE / "doc").rglob("*.rst"))]
PERSON = {
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.org",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.org",
}


def console(path):
    """Return the commands of a page's console blocks, each with the exit code it promises."""
    commands = []
    blocks = re.findall(
        r"^\.\. code-block:: console\n((?:\n|[ ]+.*\n)*)", path.read_text(), re.MULTILINE
    )
    for line in "".join(blocks).splitlines():
        if found := re.match(r" +\$ (.*?)(?:  # exit (\d+))?$", line):
            commands.append((found[1], int(found[2] or 0)))
        elif commands and commands[-1][0].endswith("\\"):
            commands[-1] = (f"{commands[-1][0][:-1]}{line.strip()}", commands[-1][1])
    return commands


@pytest.mark.parametrize(
    "page", [page for page in EXAMPLES if console(page)], ids=lambda page: page.name
)
def test_every_command_of_the_page_works(page, tmp_path):
    root = tmp_path / "catalogue"
    ignore = shutil.ignore_patterns("__pycache__", ".*", "dist-git")
    shutil.copytree(HERE, root, ignore=ignore)
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/distgen"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE}/distgen_git.py "$@"\n')
    command.chmod(0o755)
    env = {**os.environ, **PERSON, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    subprocess.run("git init -q && git add -A && git commit -q -m Begin", shell=True, cwd=root,
                   env=env, check=True)  # fmt: skip
    folder = root
    for line, expected in console(page):
        if line.startswith("cd "):
            folder = (folder / line[3:]).resolve()
            continue
        done = subprocess.run(
            line, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == expected, (line, done.stdout[-2000:], done.stderr[-2000:])
