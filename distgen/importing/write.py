"""Put imported images into a catalogue: all is on the disk before the first takes its place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.temporary import held_folder, remove_abandoned
from distgen.importing.records import KeptFile
from distgen.output.files import explain_os_errors, first_link, remove_path

Moves = Mapping[str, Path]
_STAGE = ".distgen-import-"


@contextmanager
def open_stage(root: Path) -> Iterator[Path]:
    """Yield a folder in the catalogue that is deleted at the end, with what is still in it."""
    with explain_os_errors(root):
        remove_abandoned(root, f"{_STAGE}[a-z0-9_]{{8}}")
        with held_folder(root, _STAGE) as folder:
            yield folder


def write_kept(folder: Path, files: Iterable[KeptFile]) -> None:
    """Write files below a folder that is not there yet."""
    made: set[Path] = set()
    for file in files:
        target = folder / file.path
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        with target.open("xb") as stream:
            stream.write(file.content)
        if file.executable:
            target.chmod(target.stat().st_mode | 0o111)


def gather_moves(root: Path, folder: str, moves: Mapping[str, Path], gathered: Path) -> Moves:
    """Return moves that bring a folder of the catalogue as a whole, and last, where it is new.

    A run that is killed then leaves all that goes there, or nothing.
    """
    inside = {path: staged for path, staged in moves.items() if path.startswith(f"{folder}/")}
    if not inside or os.path.lexists(root / folder):
        return moves
    with explain_os_errors(gathered):
        for path, staged in inside.items():
            target = gathered / path.removeprefix(f"{folder}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.rename(target)
    outer_moves = {path: staged for path, staged in moves.items() if path not in inside}
    return {**outer_moves, folder: gathered}


def move_into(root: Path, moves: Mapping[str, Path]) -> tuple[Path, ...]:
    """Move staged files and folders to their paths in the catalogue; return what is new there.

    When one cannot be moved, those before it are taken back.
    """
    new: list[Path] = []
    is_complete = False
    try:
        with explain_os_errors(root):
            for path, staged in moves.items():
                target = root / path
                _refuse_occupied(root, path)
                new += _make_folders(root, target.parent)
                staged.rename(target)
                new.append(target)
        is_complete = True
    finally:
        if not is_complete:
            take_back(new)
    return tuple(new)


def take_back(new: Iterable[Path]) -> None:
    """Remove what an import has moved into a catalogue."""
    for path in reversed(tuple(new)):
        with explain_os_errors(path):
            remove_path(path)


def _refuse_occupied(root: Path, path: str) -> None:
    if link := first_link(root, Path(path).parent):
        raise DistgenError("is a link", where=link, hint="make it a folder")
    if os.path.lexists(root / path):
        raise DistgenError("is there already", where=root / path, hint="remove or rename it")


def _make_folders(root: Path, folder: Path) -> list[Path]:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    made = [path for path in reversed(missing) if path.is_relative_to(root)]
    for path in made:
        path.mkdir()
    return made
