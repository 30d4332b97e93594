"""Write trees into a folder; replace only what distgen wrote, and follow no links."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from distgen.errors import DistgenError
from distgen.model.rendered import File, Tree
from distgen.model.words import EXECUTABLE, MANIFEST, REGULAR, SYMLINK
from distgen.output.files import (
    explain_os_errors,
    first_link,
    remove_empty_folders,
    remove_path,
)
from distgen.render.manifest import parse_manifest, published_files


@dataclass(frozen=True, slots=True)
class Delta:
    """How a tree differs from its folder; `foreign` files are in the way and not distgen's."""

    folder: Path
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.foreign)


@dataclass(frozen=True, slots=True)
class StagedTree:
    """A tree that is on the disk in the folder `stage`, where anything changes, beside its place.

    `manifest_digest` is the SHA-256 of the tree's manifest.
    """

    delta: Delta
    stage: Path | None
    manifest_digest: str


def image_folder(root: Path, image: str, stream: str) -> Path:
    """Return where the tree of an image goes below `root`."""
    return root.joinpath(*image.split("/"), stream)


def tree_folder(root: Path, tree: Tree) -> Path:
    """Return where a tree goes below `root`."""
    return image_folder(root, tree.image, tree.stream)


def compare_folder(root: Path, tree: Tree) -> Delta:
    """Return what writing a tree would change; reads only."""
    return compare_tree(root, tree).delta


def compare_tree(root: Path, tree: Tree) -> StagedTree:
    """Return what staging a tree would return, without a stage; reads only."""
    files = {file.path: file for file in published_files(tree)}
    return StagedTree(_compare_files(root, tree, files), None, files[MANIFEST].sha256)


def stage_tree(root: Path, tree: Tree) -> StagedTree:
    """Write what a tree changes into a folder beside its own."""
    files = {file.path: file for file in published_files(tree)}
    delta = _compare_files(root, tree, files)
    if delta.foreign:
        raise DistgenError(
            f"{delta.folder / delta.foreign[0]} is in the way and was not written by distgen",
            hint="move it away, or render into another folder",
        )
    if not delta:
        return StagedTree(delta, None, files[MANIFEST].sha256)
    stage = delta.folder.with_name(f".{delta.folder.name}.new")
    with explain_os_errors(delta.folder):
        if os.path.lexists(stage):
            remove_path(stage)  # of a run that was killed
        is_whole = False
        try:
            stage.mkdir(parents=True)
            _write_files(stage, (files[path] for path in (*delta.added, *delta.changed)))
            is_whole = True
        finally:
            if not is_whole:
                remove_path(stage)
    return StagedTree(delta, stage, files[MANIFEST].sha256)


def place_tree(staged: StagedTree) -> None:
    """Move a staged tree to its place."""
    if staged.stage is None:
        return
    with explain_os_errors(staged.delta.folder):
        if os.path.lexists(staged.delta.folder):
            _move_into_place(staged.stage, staged.delta)
            remove_path(staged.stage)
        else:
            staged.stage.rename(staged.delta.folder)


def drop_stage(root: Path, staged: StagedTree) -> None:
    """Remove a staged tree that is not wanted, and the folders that were made for it."""
    if staged.stage is None:
        return
    with suppress(OSError):
        remove_path(staged.stage)
        for above in staged.stage.parents:
            if above == root:
                break
            above.rmdir()


def write_tree(root: Path, tree: Tree) -> Delta:
    """Write a tree; all of its files are on the disk before the first takes its place."""
    staged = stage_tree(root, tree)
    try:
        place_tree(staged)
    finally:
        drop_stage(root, staged)
    return staged.delta


def leftovers(root: Path, current: Collection[Path]) -> tuple[Path, ...]:
    """Return the folders below `root` that distgen wrote for a tree and that are not `current`.

    A clone of a dist-git repository looks alike but stays: it is a checkout, or its path is not
    that of its image and stream.
    """
    with explain_os_errors(root):
        places = {path.parent for path in root.glob(f"*/*/*/{MANIFEST}")}
        return tuple(
            place for place in sorted(places.difference(current)) if _is_rendered(root, place)
        )


def plan_removal(root: Path, place: Path) -> Delta:
    """Return what removing a tree from its folder would delete; reads only."""
    generated = {**_generated_modes(root, place), MANIFEST: REGULAR}
    paths = sorted(path for path in generated if _is_there(place, path))
    return Delta(place, removed=tuple(paths))


def remove_tree(root: Path, place: Path) -> Delta:
    """Delete the generated files of a folder that holds a tree; others stay."""
    delta = plan_removal(root, place)
    with explain_os_errors(place):
        _move_into_place(place, delta)
        for above in (place, *place.parents):
            if above == root or any(above.iterdir()):
                break
            above.rmdir()
    return delta


def _compare_files(root: Path, tree: Tree, files: Mapping[str, File]) -> Delta:
    place = tree_folder(root, tree)
    if not os.path.lexists(place):
        _refuse_links(root, place)
        return Delta(place, added=tuple(files))
    generated = _generated_modes(root, place)
    added: list[str] = []
    changed: list[str] = []
    foreign: list[str] = []
    with explain_os_errors(place):
        for path, file in files.items():
            blocker = _find_blocker(place, path, generated)
            if blocker is not None:
                foreign.append(blocker)
            elif not _is_there(place, path):
                added.append(path)
            elif not _is_same(place / path, file):
                (changed if path in generated or path == MANIFEST else foreign).append(path)
        removed = [path for path in generated if path not in files and _is_there(place, path)]
    return Delta(
        place, tuple(added), tuple(changed), tuple(sorted(removed)), tuple(sorted(set(foreign)))
    )


def _is_rendered(root: Path, place: Path) -> bool:
    if first_link(root, place.relative_to(root) / MANIFEST) or (place / ".git").exists():
        return False
    try:
        manifest = parse_manifest((place / MANIFEST).read_bytes())
    except DistgenError:
        return False
    return place == root.joinpath(*manifest.image.split("/"), manifest.stream)


def _generated_modes(root: Path, place: Path) -> dict[str, int]:
    """Return the mode of each file that a manifest says distgen wrote."""
    with explain_os_errors(place):
        _refuse_links(root, place / MANIFEST)
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
    return {path: file.mode for path, file in manifest.files.items()}


def _refuse_links(root: Path, path: Path) -> None:
    with explain_os_errors(path):
        link = first_link(root, path.relative_to(root))
    if link is not None:
        raise DistgenError(
            f"{link} is a symbolic link, which is not followed", hint="remove it first"
        )


def _find_blocker(place: Path, path: str, generated: Mapping[str, int]) -> str | None:
    """Return a file where `path` needs a folder, or a file in the folder at `path`."""
    parts = path.split("/")
    for count in range(1, len(parts)):
        above = "/".join(parts[:count])
        if (place / above).is_symlink() or (place / above).is_file():
            return None if above in generated else above
    here = place / path
    if here.is_dir() and not here.is_symlink():
        files = (str(file.relative_to(place)) for file in here.rglob("*") if not file.is_dir())
        return next((file for file in files if file not in generated), None)
    return None


def _is_there(place: Path, path: str) -> bool:
    """Tell whether `path` is a file or a link, reached through folders only."""
    if first_link(place, Path(path).parent):
        return False
    here = place / path
    return os.path.lexists(here) and (here.is_symlink() or not here.is_dir())


def _is_same(path: Path, file: File) -> bool:
    status = path.lstat()
    if file.mode == SYMLINK:
        return stat.S_ISLNK(status.st_mode) and _link_target(path) == file.content
    if not stat.S_ISREG(status.st_mode) or status.st_size != len(file.content):
        return False
    mode = EXECUTABLE if status.st_mode & stat.S_IXUSR else REGULAR
    return mode == file.mode and path.read_bytes() == file.content


def _link_target(path: Path) -> bytes:
    # Path.readlink() would tidy up what it leads to.
    return os.fsencode(os.readlink(path))  # noqa: PTH115


def _write_files(stage: Path, files: Iterable[File]) -> None:
    folders = {""}
    for file in files:
        above = file.path.rpartition("/")[0]
        if above not in folders:
            (stage / above).mkdir(parents=True, exist_ok=True)
            folders.add(above)
        if file.mode == SYMLINK:
            (stage / file.path).symlink_to(os.fsdecode(file.content))
            continue
        mode = 0o777 if file.mode == EXECUTABLE else 0o666  # less the umask, as git does
        descriptor = os.open(f"{stage}/{file.path}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            rest = memoryview(file.content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)


def _move_into_place(stage: Path, delta: Delta) -> None:
    """Move the staged files to their places; after a kill at any point, the next run goes on.

    Files are removed while the old manifest still names them, and the new manifest is moved before
    the files that it names: a file without a manifest would be refused as foreign.
    """
    for path in delta.removed:
        (delta.folder / path).unlink()
        remove_empty_folders(delta.folder, path)
    paths = sorted((*delta.added, *delta.changed), key=lambda path: (path != MANIFEST, path))
    for path in paths:
        target = delta.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        (stage / path).replace(target)
