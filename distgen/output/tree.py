"""Writes trees into a folder: replaces only what it wrote itself, and follows no links."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from distgen.errors import DistgenError
from distgen.model.rendered import File, Tree
from distgen.model.words import EXECUTABLE, MANIFEST, REGULAR, SYMLINK
from distgen.output.files import clear, sentence
from distgen.render.manifest import parse_manifest, published_files


@dataclass(frozen=True, slots=True)
class Delta:
    """How a tree differs from its folder; `foreign` are files in the way that are not distgen's."""

    folder: Path
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.foreign)


def folder(root: Path, tree: Tree) -> Path:
    """Return where a tree goes below `root`."""
    return root.joinpath(*tree.image.split("/"), tree.stream)


def compare(root: Path, tree: Tree) -> Delta:
    """Return what writing a tree would change; reads only."""
    return _compare(root, tree, {file.path: file for file in published_files(tree)})


def write(root: Path, tree: Tree) -> Delta:
    """Write a tree; all of its files are on the disk before the first takes its place."""
    files = {file.path: file for file in published_files(tree)}
    delta = _compare(root, tree, files)
    if delta.foreign:
        raise DistgenError(
            f"{delta.folder / delta.foreign[0]} is in the way and was not written by distgen",
            hint="move it away, or render into another folder",
        )
    if not delta:
        return delta
    stage = delta.folder.with_name(f".{delta.folder.name}.new")
    with sentence(delta.folder):
        try:
            clear(stage)  # of a run that was killed
            stage.mkdir(parents=True)
            _fill(stage, (files[path] for path in (*delta.added, *delta.changed)))
            if os.path.lexists(delta.folder):
                _replace(stage, delta)
            else:
                stage.rename(delta.folder)
        finally:
            clear(stage)
    return delta


def leftovers(root: Path, trees: Iterable[Tree]) -> tuple[Path, ...]:
    """Return the folders below `root` that hold a tree which is none of `trees`.

    A clone of a dist-git repository looks alike but is not ours: it is a checkout, or stands
    elsewhere than its image and stream say.
    """
    kept = {folder(root, tree) for tree in trees}
    with sentence(root):
        found = sorted(path.parent for path in root.glob(f"*/*/*/{MANIFEST}"))
        return tuple(place for place in found if place not in kept and _is_ours(root, place))


def stale(root: Path, place: Path) -> Delta:
    """Return what removing a tree from its folder would delete; reads only."""
    owned = {**_owned(root, place), MANIFEST: REGULAR}
    return Delta(place, removed=tuple(sorted(path for path in owned if _is_there(place, path))))


def remove(root: Path, place: Path) -> Delta:
    """Delete the generated files of a folder that holds a tree; others stay."""
    delta = stale(root, place)
    with sentence(place):
        _replace(place, delta)
        for above in (place, *place.parents):
            if above == root or any(above.iterdir()):
                break
            above.rmdir()
    return delta


def _compare(root: Path, tree: Tree, files: Mapping[str, File]) -> Delta:
    place = folder(root, tree)
    owned = _owned(root, place)
    if not os.path.lexists(place):
        return Delta(place, added=tuple(files))
    added: list[str] = []
    changed: list[str] = []
    foreign: list[str] = []
    with sentence(place):
        for path, file in files.items():
            blocked = _blocked(place, path, owned)
            if blocked is not None:
                foreign.append(blocked)
            elif not _is_there(place, path):
                added.append(path)
            elif not _is_same(place / path, file):
                (changed if path in owned or path == MANIFEST else foreign).append(path)
        removed = [path for path in owned if path not in files and _is_there(place, path)]
    return Delta(
        place, tuple(added), tuple(changed), tuple(sorted(removed)), tuple(sorted(set(foreign)))
    )


def _is_ours(root: Path, place: Path) -> bool:
    if _has_link(root, place.relative_to(root) / MANIFEST) or (place / ".git").exists():
        return False
    try:
        manifest = parse_manifest((place / MANIFEST).read_bytes())
    except DistgenError:
        return False
    return place == root.joinpath(*manifest.image.split("/"), manifest.stream)


def _owned(root: Path, place: Path) -> dict[str, int]:
    """Return the mode of each file that a manifest says distgen wrote."""
    with sentence(place):
        link = _has_link(root, place.relative_to(root) / MANIFEST)
        if link is not None:
            raise DistgenError(
                f"{link} is a symbolic link, which is not followed", hint="remove it first"
            )
        if not (place / MANIFEST).exists():
            return {}
        content = (place / MANIFEST).read_bytes()
    try:
        manifest = parse_manifest(content)
    except DistgenError as error:
        raise DistgenError(
            error.problem, where=place, hint=error.hint or "remove the folder"
        ) from None
    if place != root.joinpath(*manifest.image.split("/"), manifest.stream):
        raise DistgenError(
            f"the folder holds {manifest.image}@{manifest.stream}",
            where=place,
            hint="remove it, or render into another folder",
        )
    return {path: owned.mode for path, owned in manifest.files.items()}


def _has_link(root: Path, path: Path) -> Path | None:
    """Return the first symbolic link on the way from `root` down to `path`."""
    here = root
    for part in path.parts:
        here = here / part
        if here.is_symlink():
            return here
    return None


def _blocked(place: Path, path: str, owned: Mapping[str, int]) -> str | None:
    """Return what stands where `path` needs a folder, or the folder that stands at `path`."""
    parts = path.split("/")
    for count in range(1, len(parts)):
        above = "/".join(parts[:count])
        if (place / above).is_symlink() or (place / above).is_file():
            return None if above in owned else above
    here = place / path
    if here.is_dir() and not here.is_symlink():
        inside = (str(found.relative_to(place)) for found in here.rglob("*") if not found.is_dir())
        return next((found for found in inside if found not in owned), None)
    return None


def _is_there(place: Path, path: str) -> bool:
    """Tell whether something but a folder stands at `path`, reached through folders only."""
    if _has_link(place, Path(path).parent):
        return False
    here = place / path
    return os.path.lexists(here) and (here.is_symlink() or not here.is_dir())


def _is_same(path: Path, file: File) -> bool:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size != len(file.content):
        return False
    mode = EXECUTABLE if status.st_mode & stat.S_IXUSR else REGULAR
    return mode == file.mode and path.read_bytes() == file.content


def _fill(stage: Path, files: Iterable[File]) -> None:
    made = {""}
    for file in files:
        if file.mode == SYMLINK:
            raise DistgenError(f"{file.path} would be a symbolic link, which is not written")
        above = file.path.rpartition("/")[0]
        if above not in made:
            (stage / above).mkdir(parents=True, exist_ok=True)
            made.add(above)
        mode = 0o777 if file.mode == EXECUTABLE else 0o666  # less the umask, as git does
        descriptor = os.open(f"{stage}/{file.path}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as target:
            target.write(file.content)


def _replace(stage: Path, delta: Delta) -> None:
    """Put the staged files in place; killed at any point, the next run finishes the work.

    What is removed goes while the old manifest still owns it, and the new manifest comes before
    the files it owns.
    """
    for path in delta.removed:
        (delta.folder / path).unlink()
        _prune(delta.folder, path)
    moved = sorted((*delta.added, *delta.changed), key=lambda path: (path != MANIFEST, path))
    for path in moved:
        target = delta.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        (stage / path).replace(target)


def _prune(place: Path, path: str) -> None:
    """Remove the folders that a deleted file leaves empty."""
    above = (place / path).parent
    while above != place and not any(above.iterdir()):
        above.rmdir()
        above = above.parent
