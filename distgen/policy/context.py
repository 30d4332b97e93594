"""Turn a tree into the build context a builder sees, and tell what a COPY finds in it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from distgen.model import Tree

IGNORE_FILES = ("Dockerfile.dockerignore", ".dockerignore")


@dataclass(frozen=True, slots=True)
class Context:
    """Files and folders the builder gets, and for each file it does not get, which line says so."""

    present: frozenset[str]
    ignored: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of a .dockerignore."""

    line: int
    regex: re.Pattern[str]
    keeps: bool


def context(tree: Tree) -> Context:
    """Apply the tree's .dockerignore to its files."""
    by_path = {file.path: file for file in tree.files}
    name = next((name for name in IGNORE_FILES if name in by_path), "")
    text = by_path[name].content.decode("utf-8", "replace") if name else ""
    patterns = read_ignore(text)
    present: set[str] = set()
    ignored: dict[str, str] = {}
    for path in by_path:
        if line := ignoring_line(patterns, path):
            ignored[path] = f"{name}:{line}"
        else:
            present.update((path, *_folders(path)))
    return Context(frozenset(present), ignored)


def missing(source: str, seen: Context) -> str:
    """Return why a COPY of `source` would fail, "" when it finds something."""
    if "$" in source:
        return "depends on a build argument, so nobody can tell that it exists"
    path = posixpath.normpath(source.lstrip("/") or ".")
    if path == ".." or path.startswith("../"):
        return "leaves the build context"
    if path == ".":
        return ""
    if not any(mark in path for mark in "*?[\\"):
        if path in seen.present:
            return ""
        below = (line for name, line in seen.ignored.items() if _within(name, path))
    else:
        regex = wildcard(path)
        if any(regex.fullmatch(name) for name in seen.present):
            return ""
        below = (line for name, line in seen.ignored.items() if regex.fullmatch(name))
    line = next(below, "")
    return f"is kept out of the build context by {line}" if line else "is not in the tree"


def read_ignore(text: str) -> tuple[Pattern, ...]:
    """Read a .dockerignore as moby's patternmatcher does."""
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        word = line.strip()
        if not word or line.startswith("#"):
            continue
        keeps = word.startswith("!")
        path = posixpath.normpath(word.removeprefix("!").strip()).lstrip("/")
        if path:
            found.append(Pattern(number, wildcard(path), keeps))
    return tuple(found)


def ignoring_line(patterns: Iterable[Pattern], path: str) -> int:
    """Return the line that leaves a file out, 0 when it stays; the last that matches decides."""
    names = (path, *_folders(path))
    line = 0
    for pattern in patterns:
        if any(pattern.regex.fullmatch(name) for name in names):
            line = 0 if pattern.keeps else pattern.line
    return line


@lru_cache(maxsize=1024)
def wildcard(pattern: str) -> re.Pattern[str]:
    """Translate a pattern of Go's filepath.Match, with ** for any number of folders."""
    parts = re.findall(r"\*\*/?|\*|\?|\[\^?[^\]]+\]|\\.|.", pattern, re.DOTALL)
    found = []
    for part in parts:
        if part == "**/":
            found.append("(?:.*/)?")
        elif part == "**":
            found.append(".*")
        elif part == "*":
            found.append("[^/]*")
        elif part == "?":
            found.append("[^/]")
        elif len(part) > 2 and part[0] == "[":
            inner = re.sub(r"([][&~|])", r"\\\1", part[1:-1])
            found.append(f"[{inner}]")
        else:
            found.append(re.escape(part[-1]))
    try:
        return re.compile("".join(found), re.DOTALL)
    except re.error:  # a range that runs backwards matches nothing in Go either
        return re.compile(r"(?!)")


def _folders(path: str) -> tuple[str, ...]:
    return tuple(path[:i] for i, letter in enumerate(path) if letter == "/")


def _within(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")
