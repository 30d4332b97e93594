"""Turn a tree into the build context a builder sees, and tell what a COPY finds in it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from distgen.dockerfile.filename import DOCKERFILE
from distgen.dockerfile.parse import mounts, parse, sources
from distgen.model.rendered import File, Tree
from distgen.model.words import ATTRIBUTES

IGNORE_FILES = ("Dockerfile.dockerignore", ".dockerignore")
# podman and buildah look for a Containerfile before they look for a Dockerfile.
_OBEYED = {"containerfile", ".containerignore", *map(str.lower, IGNORE_FILES)}


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


def taken(files: Mapping[str, File], others: Iterable[str]) -> tuple[str, ...]:
    """Return those of `others`, which stand beside the files of a tree, that its build would take.

    Also those that a builder or git obeys: ignore files, a Containerfile, attributes; and names
    that some systems cannot tell from one of the tree.
    """
    if DOCKERFILE not in files:
        return ()
    wanted = [wildcard(one) for one in _wanted(files[DOCKERFILE])]
    name = next((name for name in IGNORE_FILES if name in files), "")
    ignored = read_ignore(files[name].content.decode("utf-8", "replace") if name else "")
    folders = {folder for path in files for folder in _folders(path)}
    known = {path.casefold() for path in (*files, *folders)}
    found = {"": wildcard(".") in wanted}

    def is_wanted(path: str) -> bool:
        if path not in found:
            above = is_wanted(path.rpartition("/")[0])
            found[path] = above or any(one.fullmatch(path) for one in wanted)
        return found[path]

    def counts(path: str) -> bool:
        folder, _, last = path.rpartition("/")
        if path.lower() in _OBEYED or (last == ATTRIBUTES and folder in folders):
            return True
        names = {name.casefold() for name in (path, *_folders(path)) if name not in folders}
        return bool(names & known) or (is_wanted(path) and not ignoring_line(ignored, path))

    return tuple(path for path in others if counts(path))


def _wanted(file: File) -> Iterator[str]:
    """Yield what a Dockerfile takes out of its context; with a variable in it, that may be all."""
    own = parse(file.content.decode("utf-8", "replace"))
    for step in (step for stage in own.stages for step in stage.instructions):
        found = [one.source for one in mounts(step) if one.type == "bind" and not one.image]
        if step.cmd in {"COPY", "ADD"} and step.flag("from") is None:
            found += (one for one in sources(step) if "://" not in one)
        for one in found:
            yield "." if "$" in one else posixpath.normpath(one.lstrip("/") or ".")


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
