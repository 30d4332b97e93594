"""The README and the pages of the documentation, run as a new user would."""

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
    """Return the commands of a page's console blocks: each with its exit code and its output."""
    commands = []
    blocks = re.findall(
        r"^\.\. code-block:: console\n((?:\n|[ ]+.*\n)*)", path.read_text(), re.MULTILINE
    )
    for block in blocks:
        margin = re.match(r"\n*( *)", block)[1]
        for line in block.splitlines():
            if found := re.match(r" +\$ (.*?)(?:  # exit (\d+))?$", line):
                commands.append((found[1], int(found[2] or 0), []))
            elif commands and commands[-1][0].endswith("\\"):
                command, code, shown = commands[-1]
                commands[-1] = (f"{command[:-1]}{line.strip()}", code, shown)
            elif commands:
                commands[-1][2].append(line.removeprefix(margin).rstrip())
    return [(command, code, "\n".join(shown).strip("\n")) for command, code, shown in commands]


# What may differ from what a page shows: it moves with every change of the catalogue.
FREE = (
    (r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{12,64}\b", "[0-9a-f]{12,64}"),
    (r"\b\d+\\ (created|updated|unchanged|branches|behind)", r"\\d+ \1"),
    (r"(\.(?:yaml|j2)):\d+(?::\d+)?", r"\1[:0-9]+"),
    (r"@@\\ \\-[0-9,]+\\ \\\+[0-9,]+", r"@@ -[0-9,]+ \\+[0-9,]+"),
    (r"(?:\\ ){2,}", " +"),
)


def pattern(shown):
    """Return what output must match; `...` on a line of its own is any lines."""
    text = "\n".join(".*" if row == "..." else re.escape(row) for row in shown.splitlines())
    for free, anything in FREE:
        text = re.sub(free, anything, text)
    return text


@pytest.mark.parametrize(
    "page", [page for page in EXAMPLES if console(page)], ids=lambda page: page.name
)
def test_every_command_of_the_page_works_and_prints_what_it_shows(page, tmp_path):
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
    for line, expected, shown in console(page):
        if line.startswith("cd "):
            folder = (folder / line[3:]).resolve()
            continue
        done = subprocess.run(
            line, shell=True, cwd=folder, env=env, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        printed = "\n".join(row.rstrip() for row in done.stdout.splitlines()).strip("\n")
        assert done.returncode == expected, (line, printed[-2000:])
        if shown:
            assert re.fullmatch(pattern(shown), printed, re.DOTALL), f"$ {line}\n{printed}"
