"""The README and the pages of the documentation, run as a new user would.

Commands of console blocks are run, and must print what the page shows below them. A block of
another language whose caption is a path is a file that the reader makes.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

HERE = Path(__file__).parents[2]
EXAMPLES = [HERE / "README.rst", *sorted((HERE / "doc").rglob("*.rst"))]
BLOCK = re.compile(
    r"^\.\. code-block:: (\S+)\n(?: +:caption: (\S+)\n)?((?:\n|[ ]+.*\n)*)", re.MULTILINE
)
PERSON = {
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.org",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.org",
}
# What may differ from what a page shows: it moves with every change of the catalogue.
FREE = (
    (r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{12,64}\b", "[0-9a-f]{12,64}"),
    (r"\b\d+\\ (created|updated|unchanged|branches|behind)", r"\\d+ \1"),
    (r"(\.(?:yaml|j2)):\d+(?::\d+)?", r"\1[:0-9]+"),
    (r"@@\\ \\-[0-9,]+\\ \\\+[0-9,]+", r"@@ -[0-9,]+ \\+[0-9,]+"),
    (r"(?:\\ ){2,}", " +"),
)


def blocks(page):
    """Yield what a page has its reader do: (path, text) of a file, or (None, text) to type."""
    for language, caption, text in BLOCK.findall(page.read_text()):
        if language == "console":
            yield None, dedent(text)
        elif caption and language != "text":
            yield caption, dedent(text).strip("\n") + "\n"


def commands(text):
    """Return the commands of a console block: each with its exit code and its output."""
    found = []
    for line in text.splitlines():
        if typed := re.match(r"\$ (.*?)(?:  # exit (\d+))?$", line):
            found.append((typed[1], int(typed[2] or 0), []))
        elif found and found[-1][0].endswith("\\"):
            command, code, shown = found[-1]
            found[-1] = (f"{command[:-1]}{line.strip()}", code, shown)
        elif found:
            found[-1][2].append(line.rstrip())
    return [(command, code, "\n".join(shown).strip("\n")) for command, code, shown in found]


def pattern(shown):
    """Return what output must match; `...` on a line of its own is any lines."""
    text = "\n".join(".*" if row.strip() == "..." else re.escape(row) for row in shown.splitlines())
    for free, anything in FREE:
        text = re.sub(free, anything, text)
    return text


def check(line, expected, shown, where):
    """Run a command in a folder and environment, and compare what it does with the page."""
    folder, env = where
    done = subprocess.run(
        line, shell=True, cwd=folder, env=env, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    printed = "\n".join(row.rstrip() for row in done.stdout.splitlines()).strip("\n")
    assert done.returncode == expected, (line, printed[-2000:])
    same = re.fullmatch(pattern(shown), printed, re.DOTALL) or not shown
    assert same, f"the page shows another output\n$ {line}\n{printed}"


@pytest.mark.parametrize(
    "page",
    [page for page in EXAMPLES if any(path is None for path, _ in blocks(page))],
    ids=lambda page: page.name,
)
def test_every_command_of_the_page_works_and_prints_what_it_shows(page, tmp_path):
    if "ssh-keygen" in page.read_text() and not shutil.which("ssh-keygen"):
        pytest.skip("ssh-keygen is not installed")
    root = tmp_path / "catalogue"
    ignore = shutil.ignore_patterns("__pycache__", ".*", "dist-git")
    shutil.copytree(HERE, root, ignore=ignore)
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/distgen"
    words = shlex.join([sys.executable, f"{HERE}/distgen_git.py"])
    command.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    command.chmod(0o755)
    env = {**os.environ, **PERSON, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    subprocess.run("git init -q && git add -A && git commit -q -m Begin", shell=True, cwd=root,
                   env=env, check=True)  # fmt: skip
    folder = root
    for path, text in blocks(page):
        if path:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
            continue
        for line, expected, shown in commands(text):
            if line.startswith("cd "):
                folder = (folder / line[3:]).resolve()
            else:
                check(line, expected, shown, (folder, env))
