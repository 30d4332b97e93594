"""What shells complete: commands, options, images, streams and keys of the catalogue at hand."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from testing.sites import site

PRESS = """\
eval "$(_DISTGEN_COMPLETE=bash_source distgen)"
compopt() { echo "compopt" "$@"; }
for line; do
    COMP_LINE="$line" COMP_POINT=${#line} COMPREPLY=()
    _distgen_completion distgen
    printf '%s\n' "${COMPREPLY[@]}" ------
done
"""
LINES = {
    "distgen aff": ["affected"],
    "distgen --no": ["--no-cache"],
    "distgen -C . li": ["list", "lint"],
    "distgen list --form": ["--format"],
    "distgen list --format j": ["json"],
    "distgen list --format=j": ["json"],  # bash replaces what stands behind the =
    "distgen export ba": ["bake", "bashbrew"],
    "distgen export bake --con": ["--context"],
    "distgen schema fac": ["facts"],
    "distgen list ": ["compopt -o nospace", "ns/"],
    "distgen list ns/app": ["ns/app", "ns/app-api"],
    "distgen publish ns/base ns/app-": ["ns/app-api"],
    "distgen publish ns/base@": ["@main", "@old"],  # and what stands behind the @, with it
    "distgen publish --on-edit keep ns/base@o": ["@old"],
    "distgen explain ns/base l": ["line"],
    "distgen list --set l": ["compopt -o nospace", "line="],
    "distgen list --set ns/base:l": ["compopt -o nospace", "line="],
    "distgen list --set ns/ba": ["compopt -o nospace", "ns/base:"],
    "distgen render -o ": ["compopt -o dirnames"],
    "distgen publish --results ": ["compopt -o default"],
    "distgen list 'ns/a": ["ns/app", "ns/app-api"],
    "distgen list 'ns/base@o": ["ns/base@old"],
    "distgen list ns/*": [],
    "distgen list zz": [],
    "distgen nonsense ": [],
}
"""What bash may put in place of the last word; before it, how it goes on."""

Press = Callable[..., list[list[str]]]


@dataclass(frozen=True)
class Shell:
    """Runs shells that have this distgen in their PATH, and a home of their own."""

    environ: Mapping[str, str]

    def __call__(self, words: list[str], folder: Path, **environ: str) -> str:
        done = subprocess.run(
            words,
            cwd=folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout


@pytest.fixture
def root(catalogue: Callable[[Mapping[str, str]], Path]) -> Path:
    return site(catalogue, "base", "app", "app-api", streams=("main", "old"))


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "distgen"
    here = Path(__file__).parents[2] / "distgen_git.py"
    words = shlex.join([sys.executable, str(here)])  # either may have a blank in its path
    program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    program.chmod(0o755)

    path = f"{programs}:{os.environ['PATH']}"
    return Shell({"PATH": path, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"})


@pytest.fixture
def press(shell: Shell, root: Path) -> Press:
    """Return what bash completes after each line, in the catalogue or another folder."""

    def ask(*lines: str, folder: Path | None = None, **environ: str) -> list[list[str]]:
        words = ["bash", "--norc", "-c", PRESS, "bash", *lines]
        answers = shell(words, folder or root, **environ).split("------\n")
        return [answer.splitlines() for answer in answers[:-1]]

    return ask


def test_bash_completes_what_may_follow(press: Press) -> None:
    assert dict(zip(LINES, press(*LINES), strict=True)) == LINES


def test_a_person_presses_tab_and_the_command_runs(
    shell: Shell, root: Path, tmp_path: Path
) -> None:
    """At a terminal bash splits the word before the cursor at `@`, and asks with what follows."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        cwd=root,
        env=shell.environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as bash:
        os.close(theirs)
        os.write(
            ours, b'eval "$(_DISTGEN_COMPLETE=bash_source distgen)"; bind "set bell-style none"\n'
        )
        os.write(ours, b"distgen --no\tlist ns/base@o\t --format j\t; exit\n")
        shown = b"".join(iter(lambda: read_some(ours), b""))
        assert bash.wait(60) == 0, shown
    os.close(ours)
    assert b'"stream": "old"' in shown and b'"stream": "main"' not in shown, shown


def read_some(terminal: int) -> bytes:
    """Return what comes from a terminal, nothing at its end."""
    try:
        return os.read(terminal, 4096)
    except OSError:  # its other side is closed
        return b""


def test_names_of_another_catalogue_are_those_of_its_folder(
    press: Press, root: Path, tmp_path: Path
) -> None:
    assert press(f"distgen -C {root} list ns/b", folder=tmp_path) == [["ns/base"]]


def test_names_follow_the_catalogue(press: Press, root: Path, tmp_path: Path) -> None:
    """They are kept in the cache, and read again when a file was written."""
    assert press("distgen list ns/b") == [["ns/base"]]
    (kept,) = (tmp_path / ".cache/distgen/completion").iterdir()
    kept.write_text(kept.read_text().replace("ns/base", "ns/blue"))
    assert press("distgen list ns/b") == [["ns/blue"]]
    (root / "overlays/ns/bold.yaml").write_text("template: app\nfrom: ns/base\n")
    assert press("distgen list ns/b") == [["ns/base", "ns/bold"]]


@pytest.mark.parametrize("damage", ["", "half\n.", "\x00\udcff\n.", "\n\n.\n."])
def test_what_is_kept_and_damaged_is_read_anew(press: Press, tmp_path: Path, damage: str) -> None:
    assert press("distgen list ns/b") == [["ns/base"]]
    (kept,) = (tmp_path / ".cache/distgen/completion").iterdir()
    head = kept.read_text().partition("\n")[0]
    kept.write_bytes(f"{head}\n{damage}".encode(errors="surrogateescape"))
    assert press("distgen list ns/b") == [["ns/base"]]


def test_a_broken_catalogue_completes_commands_and_no_images(press: Press, root: Path) -> None:
    for content in ("nonsense: [", "version: 2\n", "version: 1\nvalues: 5\n"):
        (root / "distgen.yaml").write_text(content)
        assert press("distgen list ns", "distgen aff") == [[], ["affected"]]


def test_without_a_catalogue_nothing_is_said(press: Press, tmp_path: Path) -> None:
    lines = ("distgen list ns", "distgen -C /nowhere explain ns/base l", "distgen aff")
    assert press(*lines, folder=tmp_path) == [[], [], ["affected"]]


def test_a_key_is_completed_only_where_a_shell_takes_it_for_a_word(
    press: Press, root: Path
) -> None:
    """A catalogue may come from anywhere: what a key says must not be run."""
    template = root / "templates/app/template.yaml"
    text = '  map: {description: x, type: object, default: {"$(touch ran)": x, c: x}}\n'
    template.write_text(template.read_text() + text)
    assert press("distgen explain ns/base ma") == [["map", "map.c"]]


def test_nothing_is_kept_where_nothing_may_be(press: Press, tmp_path: Path) -> None:
    assert press("distgen list ns/b", DISTGEN_NO_CACHE="1") == [["ns/base"]]
    assert not (tmp_path / ".cache").exists()


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_completes_and_says_what_options_are_for(shell: Shell, root: Path) -> None:
    script = """\
compdef() { :; }
eval "$(_DISTGEN_COMPLETE=zsh_source distgen)"
compadd() { print -r -l -- "$@" }
press() { words=("$@") CURRENT=$#; _distgen_completion }
press distgen list ns/app@
press distgen list --form
"""
    printed = shell(["zsh", "-f", "-c", script], root)
    assert printed.split("\n") == [
        *("-l", "-d", "lines", "--", "ns/app@main", "ns/app@old"),
        *("-l", "-d", "lines", "--", "--format", ""),
    ]


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_completes_and_says_what_options_are_for(shell: Shell, root: Path) -> None:
    script = """\
_DISTGEN_COMPLETE=fish_source distgen | source
complete -C'distgen list ns/app@'
complete -C'distgen list --form'
complete -C'distgen render -o te'
"""
    printed = shell(["fish", "--no-config", "-c", script], root)
    assert printed.split("\n") == [
        *("ns/app@main", "ns/app@old", "--format\tHow to print it.", "templates/", "")
    ]
