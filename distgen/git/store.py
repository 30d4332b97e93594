"""The local store: a bare repository of the commits to push. It is only a cache."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from distgen.backoff import ignore
from distgen.errors import DistgenError, InputError
from distgen.git.auth import auth_error
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import change_commit_content, unsigned_commit_content
from distgen.git.fast_import import fast_import_stream
from distgen.git.location import Place
from distgen.git.objects import object_id
from distgen.git.refs import HEADS
from distgen.git.retry import run_with_retries
from distgen.git.run import Git, explain, run
from distgen.git.store_lock import LOCK, locked_store
from distgen.git.temporary import scratch_folder
from distgen.model.published import Change

_MARK = "distgen-store"
_NOTE = "This folder is a cache of distgen. Delete it whenever no distgen is running.\n"
_MAX_PACKS = 16
_MAX_LOOSE = 100  # in one of 256 folders
_UNPACK_LIMIT = str(10_000)


@dataclass(frozen=True, slots=True)
class Store:
    """A bare repository without refs, and a reader of its objects."""

    git: Git
    folder: Path
    reader: ObjectReader
    reset_lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)


@contextmanager
def open_store(
    folder: Path, git: Git, seconds: float = 600, report: Callable[[str], None] = ignore
) -> Iterator[Store]:
    """Lock and open the store, made when missing; wait at most `seconds` for another run."""
    _claim(folder)
    with locked_store(folder, git, seconds, report):
        _remove_leftovers(folder)
        _initialise(git, folder)
        limit_packs(git, folder)
        with ObjectReader(git, folder) as reader:
            yield Store(git, folder, reader)


@contextmanager
def scratch_store(git: Git, beside: Path | None) -> Iterator[Store]:
    """Open a store that is deleted at the end; it can read the objects of the store `beside`."""
    with scratch_folder() as parent:
        folder = parent / "store"
        _initialise(git, folder)
        if beside is not None and (beside / "objects").is_dir():
            alternates = folder / "objects" / "info" / "alternates"
            alternates.parent.mkdir(exist_ok=True)
            alternates.write_text(f"{(beside / 'objects').absolute()}\n", encoding="utf-8")
        with ObjectReader(git, folder) as reader:
            yield Store(git, folder, reader)


def reset_store(store: Store) -> None:
    """Delete the content of the store and make it anew."""
    with _store_errors(store.folder):
        for path in store.folder.iterdir():
            if path.name not in (_MARK, LOCK):
                _remove(path)
    _initialise(store.git, store.folder)
    store.reader.close()  # last: until now another thread may have read the old objects


def recreate_if_deleted(store: Store) -> None:
    """Make the store anew when it was deleted during the run."""
    # It is a cache, which users are told to delete when they like.
    with store.reset_lock:
        if not _is_whole(store.folder):
            with _store_errors(store.folder):
                store.folder.mkdir(parents=True, exist_ok=True)
                (store.folder / _MARK).write_text(_NOTE, encoding="utf-8")
            reset_store(store)


def reset_if_damaged(store: Store, close_count: int) -> None:
    """Reset a damaged store, unless another thread did since its reader had this `close_count`."""
    with store.reset_lock:
        if store.reader.close_count == close_count:
            reset_store(store)


def is_intact(store: Store, changes: Sequence[Change]) -> bool:
    """Tell whether the commits and all their new objects can be read, by packing them."""
    revisions = "".join(
        f"{change.commit}\n^{change.parent}\n" if change.parent else f"{change.commit}\n"
        for change in changes
    )
    words = ("pack-objects", "-q", "--revs", "--thin", "--stdout")
    stdin = revisions.encode()
    with store.reset_lock:  # a half-deleted store can look intact
        return run(store.git, *words, folder=store.folder, stdin=stdin, to_the_end=True).code == 0


def has_commit(store: Store, commit: str) -> bool:
    """Tell whether the store holds a commit."""
    return store.reader.read(commit) is not None


def is_ancestor(store: Store, tip: str, commit: str) -> bool:
    """Tell whether `commit` is in the history of `tip`; the store holds both."""
    words = ("merge-base", "--is-ancestor", commit, tip)
    return run(store.git, *words, folder=store.folder).code == 0


def fetch_refs(store: Store, place: Place, branches: Sequence[str]) -> None:
    """Fetch branches, or refs by their full names, with their history into the store."""
    refs = (name if name.startswith("refs/") else f"{HEADS}{name}" for name in branches)
    limits = (f"{name}.unpackLimit={_UNPACK_LIMIT}" for name in ("fetch", "transfer"))
    close_count = store.reader.close_count
    result = run_with_retries(
        store.git,
        place,
        *(word for limit in limits for word in ("-c", limit)),
        *("fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"),
        *(place.address, *refs),
        folder=store.folder,
    )
    if result.code == 0:
        return
    with store.reset_lock:  # another thread may be resetting the store, which breaks this fetch
        is_reset = store.reader.close_count != close_count
    if is_reset:
        raise DistgenError("was reset while git fetched into it", where=store.folder)
    other_error = DistgenError(f"cannot be fetched: {explain(result)}", where=place)
    raise auth_error(store.git, place, result) or other_error


def write_commits(store: Store, changes: Sequence[Change]) -> None:
    """Write the commits of all changes at once; the store holds their parents."""
    if not changes:
        return
    result = run(
        store.git,
        *("-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", "--done"),
        folder=store.folder,
        stdin=b"".join(fast_import_stream(changes, f"refs/distgen/{changes[0].commit}")),
        to_the_end=True,
    )
    if result.code:
        raise DistgenError(f"cannot be written: {explain(result)}", where=store.folder)
    ids = [
        object_id("commit", unsigned_commit_content(change)) if change.signature else change.commit
        for change in changes
    ]
    signed_changes = [change for change in changes if change.signature]
    is_as_planned = result.output.decode("ascii").split() == ids
    if not is_as_planned or not _write_signed_commits(store, signed_changes):
        raise DistgenError(
            "git wrote other commits than planned", where=store.folder, hint="delete this folder"
        )


def limit_packs(git: Git, folder: Path) -> None:
    """Make few packs of many: git opens all of them for each repository that it pushes to.

    Each run leaves some, and each batch of a run one. What is in a large pack is not written again
    for a few small ones. No other thread may use the store meanwhile.
    """
    packs = sum(1 for _ in folder.glob("objects/pack/*.pack"))
    loose = sum(1 for _ in folder.glob("objects/17/*"))
    if packs > _MAX_PACKS or loose > _MAX_LOOSE:
        # There are no refs to go by, and a geometric repack keeps what nothing refers to.
        run(git, "repack", "-d", "-q", "--geometric=2", folder=folder)
        run(git, "prune-packed", "-q", folder=folder)


def _write_signed_commits(store: Store, changes: Sequence[Change]) -> bool:
    """Write commits with signatures, which fast-import does not take; tell whether ids agree."""
    if not changes:
        return True
    with scratch_folder() as folder:
        paths = [folder / str(number) for number in range(len(changes))]
        for path, change in zip(paths, changes, strict=True):
            path.write_bytes(change_commit_content(change))
        result = run(
            store.git,
            *("hash-object", "-t", "commit", "-w", "--no-filters", "--stdin-paths"),
            folder=store.folder,
            stdin="".join(f"{path}\n" for path in paths).encode(),
            to_the_end=True,
        )
    return result.output.decode("ascii").split() == [change.commit for change in changes]


def _claim(folder: Path) -> None:
    """Mark the folder as a store, or refuse one that holds other files."""
    with _store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / _MARK).exists():
            if any(path.name != LOCK for path in folder.iterdir()):
                raise InputError(
                    "is not a store that distgen made, and is not empty",
                    where=folder,
                    hint="choose another --store",
                )
            (folder / _MARK).write_text(_NOTE, encoding="utf-8")


@contextmanager
def _store_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DistgenError(f"cannot be used as the store: {error.strerror}", where=folder) from None


def _remove_leftovers(folder: Path) -> None:
    """Remove the files of a killed git; no other run uses the store, for this one has its lock."""
    patterns = ("*.lock", "refs/**/*.lock", "objects/**/tmp_*", "objects/pack/*.keep",
               "fast_import_crash_*")  # fmt: skip
    with _store_errors(folder):
        for path in (path for pattern in patterns for path in folder.glob(pattern)):
            if path.name != LOCK:
                _remove(path)


def _is_whole(folder: Path) -> bool:
    parts = ((folder / name).is_dir() for name in ("objects", "refs"))
    return (folder / "HEAD").is_file() and all(parts)


def _initialise(git: Git, folder: Path) -> None:
    if _is_whole(folder):
        return
    result = run(git, "init", "-q", "--bare", "--template=", "--initial-branch=none", str(folder))
    if result.code:
        raise DistgenError(f"cannot be made: {explain(result)}", where=folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        import shutil  # a run that finds its store in order needs it not

        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
