"""Turn a tree into the build context that a builder gets, and say why a COPY from it fails."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from distgen.dockerfile.filename import DOCKERFILE
from distgen.dockerfile.parse import copy_sources, mounts, parse, variable_sources
from distgen.lint.wildcard import Wildcard, wildcard
from distgen.model.rendered import File, Tree
from distgen.model.words import ATTRIBUTES

IGNORE_FILES = (f"{DOCKERFILE}.dockerignore", ".dockerignore")
# podman and buildah look for a Containerfile before they look for a Dockerfile.
_BUILDER_FILES = {"containerfile", ".containerignore", *map(str.lower, IGNORE_FILES)}


@dataclass(frozen=True, slots=True)
class BuildContext:
    """Files and folders that a builder gets, and the line that keeps out each of the others."""

    present: frozenset[str]
    ignored: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class IgnorePattern:
    """One line of a .dockerignore."""

    line: int
    wildcard: Wildcard
    negated: bool


def context_of(tree: Tree) -> BuildContext:
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
    return BuildContext(frozenset(present), ignored)


def copy_failure(source: str, context: BuildContext) -> str:
    """Return why a COPY of `source` would fail, "" when it finds something."""
    path = _normalize(source)
    if path == ".." or path.startswith("../"):
        return "leaves the build context"
    if path == ".":
        return ""
    if not any(mark in path for mark in "*?[\\"):
        if path in context.present:
            return ""
        below = (line for name, line in context.ignored.items() if _within(name, path))
    else:
        pattern = wildcard(path)
        if any(pattern.matches(name) for name in context.present):
            return ""
        below = (line for name, line in context.ignored.items() if pattern.matches(name))
    line = next(below, "")
    return f"is kept out of the build context by {line}" if line else "is not in the tree"


def build_inputs(files: Mapping[str, File], unmanaged: Iterable[str]) -> tuple[str, ...]:
    """Return the paths among `unmanaged`, beside files of a tree, that change its build.

    The build copies some. A builder or git obeys others: ignore files, a Containerfile, attributes.
    Some systems take a name that differs in case only for the file of the tree.
    """
    if DOCKERFILE not in files:
        return ()
    patterns = [wildcard(source) for source in _context_sources(files[DOCKERFILE])]
    name = next((name for name in IGNORE_FILES if name in files), "")
    ignored = read_ignore(files[name].content.decode("utf-8", "replace") if name else "")
    folders = {folder for path in files for folder in _folders(path)}
    folded_paths = {path.casefold() for path in (*files, *folders)}
    copied = {"": wildcard(".") in patterns}

    def is_copied(path: str) -> bool:
        if path not in copied:
            above = is_copied(path.rpartition("/")[0])
            copied[path] = above or any(pattern.matches(path) for pattern in patterns)
        return copied[path]

    def is_input(path: str) -> bool:
        folder, _, last = path.rpartition("/")
        if path.lower() in _BUILDER_FILES or (last == ATTRIBUTES and folder in folders):
            return True
        names = {name.casefold() for name in (path, *_folders(path)) if name not in folders}
        return bool(names & folded_paths) or (is_copied(path) and not ignoring_line(ignored, path))

    return tuple(path for path in unmanaged if is_input(path))


def _context_sources(file: File) -> Iterator[str]:
    """Yield what a Dockerfile copies from its context, "." where a variable may be anything."""
    dockerfile = parse(file.content.decode("utf-8", "replace"))
    for step in (step for stage in dockerfile.stages for step in stage.instructions):
        binds = [mount.source for mount in mounts(step) if mount.type == "bind" and not mount.image]
        for source in binds:
            yield "." if "$" in source else _normalize(source)
        if step.cmd in {"COPY", "ADD"} and step.flag("from") is None:
            unknown = variable_sources(step)
            for source in copy_sources(step):
                if "://" not in source:
                    yield "." if source in unknown else _normalize(source)


def _normalize(source: str) -> str:
    return posixpath.normpath(source.lstrip("/") or ".")


def read_ignore(text: str) -> tuple[IgnorePattern, ...]:
    """Read a .dockerignore as moby's patternmatcher does."""
    patterns = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        word = line.strip()
        if not word or line.startswith("#"):
            continue
        path = posixpath.normpath(word.removeprefix("!").strip()).lstrip("/")
        if path:
            patterns.append(IgnorePattern(number, wildcard(path), word.startswith("!")))
    return tuple(patterns)


def ignoring_line(patterns: Iterable[IgnorePattern], path: str) -> int:
    """Return the line that leaves a file out, 0 where none does; the last match decides."""
    names = (path, *_folders(path))
    line = 0
    for pattern in patterns:
        if any(pattern.wildcard.matches(name) for name in names):
            line = 0 if pattern.negated else pattern.line
    return line


def _folders(path: str) -> tuple[str, ...]:
    return tuple(path[:i] for i, letter in enumerate(path) if letter == "/")


def _within(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")
