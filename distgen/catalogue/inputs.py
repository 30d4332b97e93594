"""Tell what counts as the catalogue in its repository: what it was read from, links followed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from distgen.model.catalogue import Catalogue, TemplateFile

PARTS = ("distgen.yaml", "distgen.lock", "templates", "overlays")
"""What every catalogue is read from; a source of images may name more."""
LINKABLE = ("templates", "overlays")
"""The folders of a catalogue that its links may lead into."""
_MOST_LINKS = 40
_OUTSIDE = Path("/")


@dataclass(frozen=True, slots=True)
class InputPaths:
    """What a catalogue was read from, as paths that git can be asked for, below `top`.

    `outside` are the inputs that no commit of the repository can hold, as the catalogue names them.
    """

    top: Path
    paths: tuple[str, ...]
    outside: tuple[str, ...]


def locate_inputs(root: Path, top: Path, inputs: Iterable[str]) -> InputPaths:
    """Find what the catalogue in `root` was read from in the repository with the root `top`."""
    real_root, real_top = root.resolve(), top.resolve()
    paths: dict[str, None] = {}
    outside: dict[str, None] = {}
    for name in inputs:
        # An absolute path is a fact of one machine, also where it leads into this repository.
        places = (_OUTSIDE,) if Path(name).is_absolute() else _follow_links(real_root / name)
        for place in places:
            if not place.is_relative_to(real_top) or ".git" in place.relative_to(real_top).parts:
                outside[name] = None
            else:
                paths[_path_for_git(real_top, place)] = None
    return InputPaths(real_top, tuple(paths), tuple(outside))


def folder_in_repository(root: Path) -> str:
    """Return where a catalogue is in the repository that holds it: "" at its root or without one.

    What reads reports of findings knows files by their path in the repository.
    """
    real_root = root.resolve()
    holders = (path for path in (real_root, *real_root.parents) if (path / ".git").exists())
    top = next(holders, real_root)
    return "" if top == real_root else real_root.relative_to(top).as_posix()


def with_named_files(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue with the files that settings of its sources name below its folder."""
    root = Path(catalogue.root)
    places = [
        file
        for name in catalogue.inputs
        if name not in PARTS and (root / name).resolve().is_relative_to(root.resolve())
        for file in (sorted((root / name).rglob("*")) if (root / name).is_dir() else [root / name])
        if file.is_file()
    ]
    files = {}
    for place in places:
        path = os.path.relpath(place, root)
        executable = bool(place.stat().st_mode & 0o100)
        content, is_rendered = place.read_bytes(), place.suffix == ".j2"
        files[path] = TemplateFile(place.name, path, content, is_rendered, executable)
    return replace(catalogue, named_files=files)


def _follow_links(path: Path) -> Iterator[Path]:
    """Yield every link on the way to a path, and where the way ends."""
    steps = [*reversed(path.parts[1:])]
    here, links = Path("/"), 0
    while steps:
        step = steps.pop()
        if step == "..":
            here = here.parent
            continue
        if not (here / step).is_symlink():
            here /= step
            continue
        yield here / step
        target, links = (here / step).readlink(), links + 1
        if target.is_absolute() or links > _MOST_LINKS:
            yield _OUTSIDE
            return
        steps += reversed(target.parts)
    yield here


def _path_for_git(top: Path, place: Path) -> str:
    """Return the path of a place, or that of the repository within this one that holds it.

    git says of a file in a submodule, or in a repository that it does not know, that it is clean.
    """
    inner = (folder for folder in reversed([place, *place.parents]) if top in folder.parents)
    path = next((folder for folder in inner if os.path.lexists(folder / ".git")), place)
    return path.relative_to(top).as_posix()
