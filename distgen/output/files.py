"""Write single files, each whole or not at all."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from distgen.errors import DistgenError

_OPEN = tuple(map(Path, ("/dev", "/dev/fd", "/proc/self/fd")))
_COMPILED = shutil.ignore_patterns("__pycache__", "*.py[co]")
_COMPONENT = ("templates", "distgen.yml")
"""Where GitLab looks for what belongs to this project, and to no catalogue."""


def copy_new(source: Path, target: Path, parts: Iterable[str]) -> None:
    """Copy files and folders of `source` into an empty or new folder, all or nothing."""
    stage = target / ".distgen.new"
    with explain_os_errors(target):
        try:
            stage.mkdir(parents=True)
            present = [part for part in parts if (source / part).exists()]
            for part in present:
                if (source / part).is_dir():
                    shutil.copytree(source / part, stage / part, ignore=_foreign)
                else:
                    shutil.copy(source / part, stage / part)
            for part in present:
                (stage / part).rename(target / part)
        finally:
            remove_path(stage)


def _foreign(folder: str, names: list[str]) -> set[str]:
    """Return the names in a folder that are not copied."""
    holder, component = _COMPONENT
    return _COMPILED(folder, names) | ({component} if Path(folder).name == holder else set())


def replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all; a link to it stays a link, and a pipe gets the text."""
    if is_stream(path):
        with explain_os_errors(path), path.open("a", encoding="utf-8") as stream:
            stream.write(text)
        return
    target = Path(os.path.realpath(path))  # Path.resolve raises for links that lead to each other
    stage = target.with_name(f".{target.name}.{os.getpid()}.new")
    with explain_os_errors(path):
        try:
            # Whoever else may write there could have made it a link to another file of this user.
            stage.unlink(missing_ok=True)
            with stage.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
            if target.exists():
                # The new file would have the mode of the umask, the old one may be stricter.
                shutil.copymode(target, stage)
            stage.replace(target)
        finally:
            stage.unlink(missing_ok=True)


def is_stream(path: Path) -> bool:
    """Tell whether a path is a pipe, a device or an open file such as /dev/stdout."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return path.parent in _OPEN
    return path.parent in _OPEN or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def add_file(path: Path, content: bytes, executable: bool) -> None:
    """Write a new file, whole or not at all."""
    # A reader of the catalogue passes over names that end so.
    stage = path.with_name(f"{path.name}~")
    with explain_os_errors(path):
        if os.path.lexists(path):
            raise DistgenError("exists already", where=path)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            stage.write_bytes(content)
            if executable:
                stage.chmod(stage.stat().st_mode | 0o111)
            stage.rename(path)
        finally:
            stage.unlink(missing_ok=True)


def remove_path(stage: Path) -> None:
    """Remove a file, a link or a whole folder."""
    if stage.is_symlink() or stage.is_file():
        stage.unlink()
    elif stage.exists():
        shutil.rmtree(stage)


def first_link(root: Path, path: Path) -> Path | None:
    """Return the first symbolic link on the way from `root` down to `path`.

    Files are neither written nor deleted through one: it could lead out of `root`.
    """
    here = str(root)
    for part in path.parts:
        here = f"{here}/{part}"
        try:
            if stat.S_ISLNK(os.lstat(here).st_mode):
                return Path(here)
        except (FileNotFoundError, NotADirectoryError):
            return None  # and nothing is below it
    return None


def remove_empty_folders(place: Path, path: str) -> None:
    """Remove the folders that a deleted file leaves empty."""
    above = (place / path).parent
    while above != place and not any(above.iterdir()):
        above.rmdir()
        above = above.parent


@contextmanager
def explain_os_errors(place: Path) -> Iterator[None]:
    """Turn an error of the disk into one sentence that names the place."""
    try:
        yield
    except shutil.Error as error:  # of copytree: a list of all files that failed, with reasons
        _, target, reason = error.args[0][0]
        raise DistgenError(str(reason).partition("] ")[2].lower(), where=target) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DistgenError(reason, where=error.filename or place) from None
