"""A reader of standard output may leave; other broken pipes are failures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

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


@pytest.mark.parametrize("words", [["distgen_git.py"], ["-m", "distgen"]], ids=["script", "module"])
def test_an_interrupt_while_modules_are_imported_is_one_line(tmp_path, words):
    """It was a traceback: only what the command itself does was guarded."""
    interrupting = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "click.py").write_text(interrupting, encoding="utf-8")
    process = subprocess.run(
        [sys.executable, *words, "list"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (130, "distgen: interrupted\n")


def test_what_a_terminal_cannot_show_is_spelled(catalogue):
    """The lines of a graph ended in a traceback where the locale had none of them."""
    image = "template: t\nfrom: r.org/x:1\ndescription: "
    root = catalogue(
        {
            "templates/t/template.yaml": "description: t\n",
            "templates/t/Dockerfile.j2": "FROM {{ base.reference }}\n",
            "overlays/n/namespace.yaml": "registry: r.org/n\nstreams: {m: {}}\n",
            "overlays/n/a.yaml": f"{image}é – 😀\n",
            "overlays/n/b.yaml": f"{image}b\n",
        },
    )

    def run(*words):
        return subprocess.run(
            [sys.executable, ROOT / "distgen_git.py", "-C", root, *words],
            env={**os.environ, "PYTHONIOENCODING": "iso-8859-1"},
            capture_output=True,
            encoding="iso-8859-1",
            check=False,
        )

    assert run("graph").stdout == "r.org/x:1\n|- n/a@m\n`- n/b@m\n"
    assert "description: é \\u2013 \\ud83d\\ude00\n" in run("show", "n/a").stdout
