"""Check that the files of a tree can be read and started: YAML, JSON, Python, scripts."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache

import yaml

from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.packages import split_commands
from distgen.dockerfile.parse import copy_sources, run_script
from distgen.lint.findings import Violation
from distgen.lint.rules.context import RuleContext
from distgen.lint.rules.rule import rule
from distgen.model.rendered import File
from distgen.model.words import EXECUTABLE, REGULAR, SYMLINK

_YAML_NAMES = (".yaml", ".yml")
_JSON_NAMES = (".json",)
_PYTHON = re.compile(rb"#!.*\bpython3[\d.]*(?:\s+-\S+)*\s*$")
_SHEBANG = 256  # bytes of it that Linux reads
_LINTED = "<linted file>"
# Python warns of escapes that it does not know. Such warnings are not caught around a single call:
# that is for all threads, and undoes the filters of a library that another one imports meanwhile.
warnings.filterwarnings("ignore", module=_LINTED)
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@rule(
    "DG301",
    "A YAML file cannot be read",
    "error",
    problem="A ``.yaml`` or ``.yml`` file of the tree is not YAML.",
    why="It would fail in the container, or in the build system it is for.",
    fix="Correct the template; run-time templates keep another suffix, such as ``.yaml.j2``.",
    needs_stages=False,
)
def broken_yaml(context: RuleContext) -> Iterator[Violation]:
    paths = (file for file in text_files(context) if file.path.endswith(_YAML_NAMES))
    return _broken(paths, _yaml_error)


@rule(
    "DG302",
    "A JSON file cannot be read",
    "error",
    problem="A ``.json`` file of the tree is not JSON.",
    why="It would fail in the container, or in the build system it is for.",
    fix="Correct the template; the ``json`` filter writes any value as JSON.",
    needs_stages=False,
)
def broken_json(context: RuleContext) -> Iterator[Violation]:
    paths = (file for file in text_files(context) if file.path.endswith(_JSON_NAMES))
    return _broken(paths, _json_error)


@rule(
    "DG303",
    "A script is not executable",
    "warning",
    problem="A file begins with ``#!`` but has no executable bit, and the Dockerfile sets none "
    "with ``COPY --chmod`` or ``chmod``.",
    why="Starting it fails with *permission denied*, usually only at run time.",
    fix="``chmod +x`` the template's file; the bit is kept. A file that is only sourced needs no "
    "``#!``.",
    needs_stages=False,
)
def scripts_without_permission(context: RuleContext) -> Iterator[Violation]:
    for file in context.tree.files:
        if is_script(file) and not becomes_executable(file, context):
            yield Violation(f"{file.path} begins with #! but is not executable", 1, file.path)


@rule(
    "DG305",
    "A Python script cannot be read",
    "error",
    problem="A file that begins with ``#!`` and ``python3`` is not Python.",
    why="It would fail in the container.",
    fix="Correct the template line that the finding names.",
    needs_stages=False,
)
def broken_python(context: RuleContext) -> Iterator[Violation]:
    scripts = (
        file
        for file in text_files(context)
        if _PYTHON.match(file.content[:_SHEBANG].split(b"\n", 1)[0])
        and not file.path.endswith((*_YAML_NAMES, *_JSON_NAMES))
    )
    return _broken(scripts, _python_error)


def text_files(context: RuleContext) -> Iterator[File]:
    """Yield the files of a tree that are text: without a NUL near the beginning, as git does."""
    for file in context.tree.files:
        if file.mode != SYMLINK and b"\0" not in file.content[:8000]:
            yield file


def is_script(file: File) -> bool:
    """Tell whether a file begins with `#!`."""
    return file.content.startswith(b"#!") and file.mode in (REGULAR, EXECUTABLE)


def becomes_executable(file: File, context: RuleContext) -> bool:
    """Tell whether a script is executable, or made so by a COPY --chmod or a chmod of the build."""
    if file.mode == EXECUTABLE:
        return True
    steps = (*context.triggers, *context.dockerfile.instructions)
    return any(_is_copied_executable(file, step) or _runs_chmod(file, step) for step in steps)


def _is_copied_executable(file: File, step: Instruction) -> bool:
    mode = step.flag("chmod") if step.cmd in {"COPY", "ADD"} else None
    if not mode or not ("x" in mode or any(digit in "1357" for digit in mode)):
        return False
    return any(_covers(source, file.path) for source in copy_sources(step))


def _runs_chmod(file: File, step: Instruction) -> bool:
    name = file.path.rpartition("/")[2]
    return step.cmd == "RUN" and any(
        fnmatchcase(name, word.rpartition("/")[2]) or word in {"-R", "--recursive"}
        for words in split_commands(run_script(step))
        if "chmod" in words
        for word in words
    )


def _covers(source: str, path: str) -> bool:
    plain = source.strip("/").removeprefix("./") or "."
    return plain == "." or fnmatchcase(path, plain) or path.startswith(f"{plain}/")


# Many images share a file, so each reader below looks at a content once.


def _broken(
    files: Iterable[File], read: Callable[[bytes], tuple[str, int] | None]
) -> Iterator[Violation]:
    for file in files:
        if error := read(file.content):
            yield Violation(*error, file.path)


@lru_cache(maxsize=4096)
def _yaml_error(content: bytes) -> tuple[str, int] | None:
    try:
        for _ in yaml.parse(content.decode("utf-8", "replace"), Loader=_YAML_LOADER):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return f"not YAML: {error.problem or error.context}", mark.line + 1 if mark else 1
    except yaml.YAMLError as error:
        return f"not YAML: {str(error).splitlines()[0]}", 1
    return None


@lru_cache(maxsize=4096)
def _json_error(content: bytes) -> tuple[str, int] | None:
    try:
        # Python reads no integer of more than 4300 digits, which JSON may hold.
        json.loads(content.decode("utf-8", "replace"), parse_int=str)
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg}", error.lineno
    except RecursionError:
        return "not JSON that can be read: nested too deep", 1
    return None


@lru_cache(maxsize=4096)
def _python_error(content: bytes) -> tuple[str, int] | None:
    try:
        ast.parse(content.decode("utf-8", "replace"), _LINTED)
    except SyntaxError as error:
        return f"not Python: {error.msg}", error.lineno or 1
    except (ValueError, RecursionError, MemoryError) as error:
        return f"not Python that can be read: {str(error) or 'nested too deep'}", 1
    return None
