"""Read the files of branches from a repository, on this machine or on a server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from distgen.catalogue.bounded import read_bounded
from distgen.errors import DistgenError, InputError
from distgen.git.auth import auth_error
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import parse_commit
from distgen.git.location import Place
from distgen.git.objects import SUBMODULE_MODE
from distgen.git.refs import HEADS
from distgen.git.remote import list_refs
from distgen.git.retry import run_with_retries
from distgen.git.run import Git, explain, run
from distgen.git.store import scratch_store
from distgen.git.trees import walk_tree
from distgen.importing.records import FilesByStream
from distgen.model.rendered import File
from distgen.model.words import EXECUTABLE, REGULAR, SYMLINK

_HEAD = re.compile(rb"ref: refs/heads/([^\0\n]+)\n?")
_FULL_COMMIT = re.compile(r"[0-9a-f]{40}")
_MOST_BYTES = 512 * 2**20
"""What one repository may have; all of it is read into memory."""


def git_folder(folder: Path) -> Path | None:
    """Return the folder, or file, that git is given for a repository; None where none is."""
    if (folder / ".git").exists():
        return folder / ".git"
    is_bare = (folder / "HEAD").is_file() and (folder / "objects").is_dir()
    return folder if is_bare and (folder / "refs").is_dir() else None


def head_branch(git: Git, folder: Path) -> str:
    """Return the branch that a clone of a repository on this machine shows."""
    match = None
    if folder.is_dir():  # a file `.git` leads to another folder
        try:
            match = _HEAD.fullmatch(read_bounded(folder / "HEAD", "HEAD", 4096))
        except (InputError, FileNotFoundError):
            raise DistgenError("its HEAD cannot be read", where=folder) from None
    if match and match[1] != b".invalid":  # which stands there where refs are in a table
        return match[1].decode("utf-8", "surrogateescape")
    result = run(git, "symbolic-ref", "-q", "--short", "HEAD", folder=folder)
    branch = result.output.decode("utf-8", "surrogateescape").strip()
    if result.code or not branch:
        reason = explain(result) if result.error else "HEAD is on no branch"
        raise DistgenError(
            f"cannot be read: {reason}", where=folder, hint="name a branch with --stream"
        )
    return branch


def read_branches(git: Git, folder: Path, branches: Mapping[str, str]) -> FilesByStream:
    """Return the files of the branches that a repository has, by stream."""
    with ObjectReader(git, folder) as reader:
        names = {stream: f"{HEADS}{branch}" for stream, branch in branches.items()}
        return _read_commits(reader, names)


def _read_commits(reader: ObjectReader, names: Mapping[str, str]) -> FilesByStream:
    """Return the files of the commits that are there; `names` are refs or ids by stream."""
    blobs: dict[str, bytes] = {}
    trees: dict[str, tuple[File, ...]] = {}
    for stream, name in names.items():
        commit = reader.read(name)
        if commit is not None and commit.kind == "commit":
            tree = parse_commit(commit.content).tree
            if not _FULL_COMMIT.fullmatch(tree):
                raise DistgenError("is a SHA-256 repository, which distgen does not read")
            trees[stream] = _read_files(reader, tree, blobs)
    return trees


def _read_files(reader: ObjectReader, tree: str, blobs: dict[str, bytes]) -> tuple[File, ...]:
    files: list[File] = []
    size = 0
    for path, entry in walk_tree(reader, tree):
        if entry.mode == SUBMODULE_MODE:
            files.append(File(path, b"", SUBMODULE_MODE))
            continue
        if entry.blob not in blobs:
            blob = reader.read(entry.blob)
            if blob is None:
                raise DistgenError(f"{path!a} is not there: the repository is a partial clone")
            blobs[entry.blob] = blob.content
        size += len(blobs[entry.blob])
        if size > _MOST_BYTES:
            raise DistgenError(f"holds more than {_MOST_BYTES // 2**20} MiB")
        files.append(File(path, blobs[entry.blob], _mode(entry.mode)))
    return tuple(sorted(files, key=lambda file: file.path))


def _mode(mode: int) -> int:
    if mode == SYMLINK:
        return mode
    return EXECUTABLE if mode & 0o100 else REGULAR  # old programs wrote 100664


def remote_branches(git: Git, place: Place) -> tuple[str, Mapping[str, str]]:
    """Return the branch that a clone would show, and the commits of all branches by name."""
    refs = list_refs(git, place, ("HEAD", f"{HEADS}*"))
    if refs is None:
        raise DistgenError("there is no repository", where=place)
    tips = {
        ref.removeprefix(HEADS): commit for ref, commit in refs.items() if ref.startswith(HEADS)
    }
    at_head = [branch for branch, commit in tips.items() if commit == refs.get("HEAD")]
    usual = (branch for branch in ("main", "master") if branch in at_head)
    return next(usual, at_head[0] if at_head else ""), tips


def fetch_branches(
    git: Git, place: Place, branches: Mapping[str, str], tips: Mapping[str, str]
) -> FilesByStream:
    """Return the files of branches on a server, by stream; their history is not fetched."""
    names = {stream: tips[branch] for stream, branch in branches.items() if branch in tips}
    if not names:
        return {}
    with scratch_store(git, None) as store:
        _fetch(git, store.folder, place, [branches[stream] for stream in names])
        trees = _read_commits(store.reader, names)
    if len(trees) < len(names):
        raise DistgenError("moved while it was read", where=place, hint="run again")
    return trees


def _fetch(git: Git, folder: Path, place: Place, branches: Sequence[str]) -> None:
    words = ("fetch", "-q", "--depth=1", "--no-tags", "--no-write-fetch-head")
    refs = (f"{HEADS}{branch}" for branch in dict.fromkeys(branches))
    result = run_with_retries(git, place, *words, place.address, *refs, folder=folder)
    if result.code:
        other_error = DistgenError(f"cannot be fetched: {explain(result)}", where=place)
        raise auth_error(git, place, result) or other_error
