"""Local dist-git repositories: read their branches, make one, remove stale locks."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from distgen.errors import DistgenError
from distgen.git.refs import HEADS
from distgen.git.repository import open_repository, resolve_ref
from distgen.git.run import Git, explain, run
from distgen.git.temporary import held_folder, remove_abandoned

if TYPE_CHECKING:
    from git import Repo

_PUSHABLE = ("ignore", "warn", "updateinstead", "false")
_COMMIT = re.compile(rb"[0-9a-f]{40}")
FileIdentity = tuple[int, int]


def read_tips(git: Git, folder: Path, branches: Iterable[str]) -> dict[str, str] | None:
    """Return the commit of each branch of a local repository; None where none exists.

    A plain bare repository is read without GitPython, which takes ten times as long.
    """
    try:
        if _is_plain(folder):
            return _read_branches(git, folder, branches)
    except OSError as error:
        raise DistgenError(f"cannot be read: {error.strerror}", where=folder) from None
    with open_repository(git, folder) as repository:
        if repository is None:
            if folder.exists():
                _refuse_other_content(folder)
            return None
        if not repository.bare:
            _refuse_work_tree(repository, folder)
        return _read_branches(git, Path(repository.common_dir), branches)


def read_all_heads(folder: Path, ignored: Collection[str] = ()) -> dict[str, str] | None:
    """Return all branches of a plain bare repository but the ignored; None where git must be asked.

    The commits of ignored branches are not read.
    """
    try:
        if not _is_plain(folder) or (folder / "reftable").is_dir():
            return None
        branches = {
            ref.removeprefix(HEADS): commit
            for ref, commit in _read_packed_refs(folder).items()
            if ref.startswith(HEADS)
        }
        for branch, path in _loose_refs(f"{folder}/{HEADS}"):
            if branch in ignored:
                continue
            text = Path(path).read_bytes().strip()
            if not _COMMIT.fullmatch(text):
                return None
            branches[branch] = text.decode("ascii")
    except OSError as error:
        raise DistgenError(f"cannot be read: {error.strerror}", where=folder) from None
    return {branch: commit for branch, commit in branches.items() if branch not in ignored}


def _loose_refs(folder: str) -> Iterator[tuple[str, str]]:
    """Yield the names and files of the refs below a folder, which is listed as it is."""
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                inner = _loose_refs(entry.path)
                yield from ((f"{entry.name}/{name}", path) for name, path in inner)
            elif entry.is_file() and not entry.name.endswith(".lock"):
                yield entry.name, entry.path


def _is_plain(folder: Path) -> bool:
    parts = ((folder / name).is_dir() for name in ("objects", "refs"))
    return (folder / "HEAD").is_file() and all(parts) and not (folder / ".git").exists()


def _read_branches(git: Git, folder: Path, branches: Iterable[str]) -> dict[str, str]:
    commits = {}
    packed: dict[str, str] | None = None
    for branch in branches:
        ref = f"{HEADS}{branch}"
        try:
            text = (folder / ref).read_bytes().strip()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            packed = _read_packed_refs(folder) if packed is None else packed
            if ref in packed:
                commits[branch] = packed[ref]
            continue
        is_commit = _COMMIT.fullmatch(text)
        commits[branch] = text.decode("ascii") if is_commit else resolve_ref(git, folder, ref)
    return commits


def _read_packed_refs(folder: Path) -> dict[str, str]:
    """Read `packed-refs` (gitrepository-layout(5)); lines of other kinds begin with # or ^."""
    with suppress(FileNotFoundError):
        lines = (folder / "packed-refs").read_bytes().splitlines()
        pairs = (line.partition(b" ") for line in lines)
        return {
            ref.decode("utf-8", "surrogateescape"): commit.decode("ascii")
            for commit, _, ref in pairs
            if _COMMIT.fullmatch(commit)
        }
    return {}


@contextmanager
def new_repository(git: Git, folder: Path, branch: str) -> Iterator[Path]:
    """Make a bare repository beside `folder`, and move it there when the caller has filled it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with held_folder(folder.parent, f".{folder.name}.distgen-") as scratch:
            # The held folder itself can be read by its owner only.
            repository = scratch / folder.name
            options = ("-q", "--bare", "--template=", f"--initial-branch={branch}")
            result = run(git, "init", *options, str(repository))
            if result.code:
                raise DistgenError(f"cannot be made: {explain(result)}", where=folder)
            yield repository
            if git.sync:
                _sync_folder(repository)
            repository.rename(folder)
            if git.sync:
                _sync_entry(folder.parent)
    except OSError as error:
        raise DistgenError(f"cannot be made: {error.strerror}", where=folder) from None


def remove_unfinished(folder: Path) -> None:
    """Remove repositories that killed runs had begun to make in a folder."""
    remove_abandoned(folder, r"\..+\.distgen-[a-z0-9_]{8}")


def _sync_folder(folder: Path) -> None:
    """Bring all files and folders below a folder to the disk."""
    for place, _, names in os.walk(folder):
        for name in names:
            _sync_entry(Path(place) / name)
        _sync_entry(Path(place))


def _sync_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_locks(folder: Path, branches: Iterable[str]) -> dict[Path, FileIdentity]:
    """Return the lock files that stop pushes to branches of a local repository."""
    locks = {}
    for name in ("HEAD", *(f"{HEADS}{branch}" for branch in branches)):
        path = folder / f"{name}.lock"
        with suppress(OSError):
            locks[path] = _identity(path)
    return locks


def remove_locks(locks: Mapping[Path, FileIdentity]) -> None:
    """Remove the locks that are still the same files.

    git keeps such a lock for milliseconds; one that is seconds old was left by a killed git.
    """
    for path, identity in locks.items():
        with suppress(OSError):
            if _identity(path) == identity:
                path.unlink()


def _identity(path: Path) -> FileIdentity:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def _refuse_other_content(folder: Path) -> None:
    try:
        empty = folder.is_dir() and not any(folder.iterdir())
    except OSError as error:
        raise DistgenError(f"cannot be read: {error.strerror}", where=folder) from None
    if not empty:
        kind = "a folder with other things in it" if folder.is_dir() else "a file"
        raise DistgenError(
            f"is {kind}, not a git repository",
            where=folder,
            hint="move it away, or change dist_git.url",
        )


def _refuse_work_tree(repository: Repo, folder: Path) -> None:
    reader = repository.config_reader("repository")
    if str(reader.get_value("receive", "denyCurrentBranch", "refuse")).lower() not in _PUSHABLE:
        raise DistgenError(
            "is a repository with a work tree, and a push would leave its files behind",
            where=folder,
            hint="use a bare repository",
        )
