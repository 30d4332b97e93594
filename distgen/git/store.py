"""The local store: one bare repository of what is about to be pushed, and only a cache."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from distgen.errors import DistgenError, InputError
from distgen.git.auth import auth_error
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import change_commit_content, unsigned_commit_content
from distgen.git.fast_import import fast_import_stream
from distgen.git.location import Place
from distgen.git.objects import object_id
from distgen.git.retry import run_with_retries
from distgen.git.run import INTERRUPTED, Git, explain, run
from distgen.git.temporary import scratch_folder
from distgen.model.published import Change

_MARK = "distgen-store"
_LOCK = "distgen.lock"
_NOTE = "This folder is a cache of distgen. Delete it whenever no distgen is running.\n"
_LOOK = 0.1  # seconds between two looks at whether a store is free
_MANY_PACKS = 50
_MANY_LOOSE = 100  # in one of 256 folders
_LOOSE = str(10_000)


@dataclass(frozen=True, slots=True)
class Store:
    """A bare repository without refs, and a reader of its objects."""

    git: Git
    folder: Path
    reader: ObjectReader
    restoring: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)


def _say_nothing(text: str) -> None:
    """Tell nobody."""


@contextmanager
def open_store(
    folder: Path, git: Git, seconds: float = 600, tell: Callable[[str], None] = _say_nothing
) -> Iterator[Store]:
    """Lock and open the store, made when missing; wait at most `seconds` for another run."""
    _claim(folder)
    lock = FileLock(folder / _LOCK)
    try:
        _acquire(lock, git, seconds, tell)
        _sweep(folder)
        _initialise(git, folder)
        _tidy(git, folder)
        with ObjectReader(git, folder) as reader:
            yield Store(git, folder, reader)
    finally:
        lock.release()


def _acquire(lock: FileLock, git: Git, seconds: float, tell: Callable[[str], None]) -> None:
    """Take the lock; say so when that has to be waited for."""
    folder = Path(lock.lock_file).parent
    deadline = time.monotonic() + seconds
    waiting = False
    while True:
        try:
            lock.acquire(timeout=0)
            return
        except Timeout:
            if not waiting:
                tell(f"{folder}: waiting for another run of distgen that uses this store")
                waiting = True
        if git.stop.wait(_LOOK):
            raise DistgenError(INTERRUPTED)
        if time.monotonic() >= deadline:
            raise DistgenError(
                "another run of distgen is using this store",
                where=folder,
                hint="wait for it, or choose another --store",
            )


@contextmanager
def scratch_store(git: Git, beside: Path | None) -> Iterator[Store]:
    """Open a store that is thrown away at the end; it may read what the store `beside` has."""
    with scratch_folder() as above:
        folder = above / "store"
        _initialise(git, folder)
        if beside is not None and (beside / "objects").is_dir():
            alternates = folder / "objects" / "info" / "alternates"
            alternates.parent.mkdir(exist_ok=True)
            alternates.write_text(f"{(beside / 'objects').absolute()}\n", encoding="utf-8")
        with ObjectReader(git, folder) as reader:
            yield Store(git, folder, reader)


def reset_store(store: Store) -> None:
    """Throw away what the store holds and begin it again."""
    with _used(store.folder):
        for path in store.folder.iterdir():
            if path.name not in (_MARK, _LOCK):
                _remove(path)
    _initialise(store.git, store.folder)
    store.reader.close()  # last: what another thread asks meanwhile may still read what was there


def recreate_if_deleted(store: Store) -> None:
    """Begin the store again when somebody deleted it under the run."""
    with store.restoring:
        if not _is_whole(store.folder):
            with _used(store.folder):
                store.folder.mkdir(parents=True, exist_ok=True)
                (store.folder / _MARK).write_text(_NOTE, encoding="utf-8")
            reset_store(store)


def reset_if_damaged(store: Store, seen: int) -> None:
    """Begin a damaged store again, unless another thread did since it was closed `seen` times."""
    with store.restoring:
        if store.reader.closings == seen:
            reset_store(store)


def is_intact(store: Store, changes: Sequence[Change]) -> bool:
    """Say whether the commits and all that is new in them can be read, by packing it."""
    revisions = "".join(
        f"{change.commit}\n^{change.parent}\n" if change.parent else f"{change.commit}\n"
        for change in changes
    )
    words = ("pack-objects", "-q", "--revs", "--thin", "--stdout")
    stdin = revisions.encode()
    with store.restoring:  # half removed, a damaged store can look sound
        return run(store.git, *words, folder=store.folder, stdin=stdin, to_the_end=True).code == 0


def has_commit(store: Store, commit: str) -> bool:
    """Say whether the store holds a commit."""
    return store.reader.read(commit) is not None


def is_ancestor(store: Store, tip: str, commit: str) -> bool:
    """Say whether a commit is in the history of another; the store holds both."""
    words = ("merge-base", "--is-ancestor", commit, tip)
    return run(store.git, *words, folder=store.folder).code == 0


def fetch_refs(store: Store, place: Place, branches: Sequence[str]) -> None:
    """Bring the branches, or refs by their full names, with their history into the store."""
    refs = (name if name.startswith("refs/") else f"refs/heads/{name}" for name in branches)
    done = run_with_retries(
        store.git,
        place,
        *("-c", f"fetch.unpackLimit={_LOOSE}", "-c", f"transfer.unpackLimit={_LOOSE}"),
        *("fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"),
        *(place.address, *refs),
        folder=store.folder,
    )
    if done.code:
        broken = DistgenError(f"cannot be fetched: {explain(done)}", where=place)
        raise auth_error(store.git, place, done) or broken


def write_commits(store: Store, changes: Sequence[Change]) -> None:
    """Write the commits of all changes, whose parents the store holds, in one go."""
    if not changes:
        return
    done = run(
        store.git,
        *("-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", "--done"),
        folder=store.folder,
        stdin=b"".join(fast_import_stream(changes, f"refs/distgen/{changes[0].commit}")),
        to_the_end=True,
    )
    if done.code:
        raise DistgenError(f"cannot be written: {explain(done)}", where=store.folder)
    ids = [
        object_id("commit", unsigned_commit_content(change)) if change.signature else change.commit
        for change in changes
    ]
    signed = [change for change in changes if change.signature]
    if done.output.decode("ascii").split() != ids or not _written(store, signed):
        raise DistgenError(
            "git wrote other commits than planned", where=store.folder, hint="delete this folder"
        )


def _written(store: Store, changes: Sequence[Change]) -> bool:
    """Write the commits of changes with their signatures, which fast-import does not know."""
    if not changes:
        return True
    with scratch_folder() as folder:
        paths = [folder / str(number) for number in range(len(changes))]
        for path, change in zip(paths, changes, strict=True):
            path.write_bytes(change_commit_content(change))
        done = run(
            store.git,
            *("hash-object", "-t", "commit", "-w", "--no-filters", "--stdin-paths"),
            folder=store.folder,
            stdin="".join(f"{path}\n" for path in paths).encode(),
            to_the_end=True,
        )
    return done.output.decode("ascii").split() == [change.commit for change in changes]


def _claim(folder: Path) -> None:
    """Make the folder ours, or refuse one that is something else."""
    with _used(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / _MARK).exists():
            if any(path.name != _LOCK for path in folder.iterdir()):
                raise InputError(
                    "is not a store that distgen made, and is not empty",
                    where=folder,
                    hint="choose another --store",
                )
            (folder / _MARK).write_text(_NOTE, encoding="utf-8")


@contextmanager
def _used(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DistgenError(f"cannot be used as the store: {error.strerror}", where=folder) from None


def _sweep(folder: Path) -> None:
    """Remove what a killed git left; nobody else is here, for the lock is ours."""
    rubbish = ("*.lock", "refs/**/*.lock", "objects/**/tmp_*", "objects/pack/*.keep",
               "fast_import_crash_*")  # fmt: skip
    with _used(folder):
        for path in (path for pattern in rubbish for path in folder.glob(pattern)):
            if path.name != _LOCK:
                _remove(path)


def _is_whole(folder: Path) -> bool:
    parts = ((folder / name).is_dir() for name in ("objects", "refs"))
    return (folder / "HEAD").is_file() and all(parts)


def _initialise(git: Git, folder: Path) -> None:
    if _is_whole(folder):
        return
    made = run(git, "init", "-q", "--bare", "--template=", "--initial-branch=none", str(folder))
    if made.code:
        raise DistgenError(f"cannot be made: {explain(made)}", where=folder)


def _tidy(git: Git, folder: Path) -> None:
    """Pack the store when many runs have left many packs; all of it, for it has no refs."""
    packs = sum(1 for _ in folder.glob("objects/pack/*.pack"))
    loose = sum(1 for _ in folder.glob("objects/17/*"))
    if packs > _MANY_PACKS or loose > _MANY_LOOSE:
        run(git, "repack", "-a", "-d", "-q", "--keep-unreachable", folder=folder)
        run(git, "prune-packed", "-q", folder=folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
