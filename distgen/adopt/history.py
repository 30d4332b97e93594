"""Find out what packagers did to a branch since distgen's files stood there untouched."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

from distgen.adopt.mbox import NO_DATE, FileChange, PatchHeader
from distgen.adopt.records import PackagerCommit
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import Commit, parse_commit, parse_person
from distgen.git.run import run
from distgen.model.published import Manifest, TreeEntry
from distgen.model.rendered import File
from distgen.model.words import EXECUTABLE, REGULAR
from distgen.publish.branch import list_files, read_file, read_manifest
from distgen.verify.claims import parse_claim

_SEARCHED = 1000


def packager_commits(
    reader: ObjectReader, tip: str, author: str, edited: Collection[str]
) -> tuple[PackagerCommit, ...]:
    """Return the commits of packagers since the newest one without an edit, oldest first.

    Before them comes the newest that is about an edited path, where none of them is. `author` is
    who commits for distgen; those commits are left out, and so are merges.
    """
    base = next(filter(lambda commit: _is_untouched(reader, commit), _commits(reader, tip)), None)
    span = (f"^{base}", tip) if base else (tip,)
    told = tuple(_told(reader, _commits(reader, *span, "--no-merges", "--reverse"), author))
    missing = {*edited} - {path for one in told for path in _paths(one)}
    earlier = (
        name
        for path in sorted(missing)
        for name in _commits(reader, tip, "--no-merges", "-1", "--", path)
    )
    return (*_told(reader, dict.fromkeys(earlier), author), *told)


def last_editor(reader: ObjectReader, tip: str, edited: Collection[str]) -> PatchHeader:
    """Return an empty letter by whoever committed the newest change of these paths.

    It is for edits that no commit of a packager tells of: they changed one of distgen's, or began
    the history anew.
    """
    newest = next(_commits(reader, tip, "--no-merges", "-1", "--", *sorted(edited)), tip)
    commit = _read(reader, newest)
    return replace(_letter(commit, commit.committer), message="")


def companion_files(
    reader: ObjectReader, tip: str, told: Collection[PackagerCommit], edited: Collection[str]
) -> Iterator[File]:
    """Yield the files, as they are now, that came with edits of these paths in one commit."""
    standing = list_files(reader, tip)
    paths: set[str] = set()
    for one in told:
        touched = _paths(one)
        if touched & {*edited}:
            paths |= touched - {*edited}
    for path in sorted(paths & {*standing}):
        entry = standing[path]
        if entry.mode in (REGULAR, EXECUTABLE):
            yield File(path, read_file(reader, entry), entry.mode)


def _told(reader: ObjectReader, names: Iterable[str], author: str) -> Iterator[PackagerCommit]:
    for name in names:
        commit = _read(reader, name)
        is_own = parse_claim(commit.message) and commit.author.startswith(f"{author} ")
        if commit.parents and not is_own:
            yield PackagerCommit(_letter(commit, commit.author), tuple(_steps(reader, commit)))


def _paths(told: PackagerCommit) -> set[str]:
    return {file.path for change in told.changes for file in (change.old, change.new) if file}


def _commits(reader: ObjectReader, *span: str) -> Iterator[str]:
    options = ("--topo-order", f"--max-count={_SEARCHED}")
    done = run(reader.git, "rev-list", *options, *span, folder=reader.folder)
    yield from done.output.decode("ascii").split()


def _read(reader: ObjectReader, name: str) -> Commit:
    found = reader.read(name)
    return parse_commit(found.content if found else b"")


def _is_untouched(reader: ObjectReader, commit: str) -> bool:
    """Say whether all generated files stand as the manifest of the same commit says."""
    found = read_manifest(reader, commit)
    return found is not None and _stands(reader, found, list_files(reader, commit))


def _stands(reader: ObjectReader, found: Manifest, standing: Mapping[str, TreeEntry]) -> bool:
    for path, owned in found.files.items():
        entry = standing.get(path)
        if entry is None or entry.mode != owned.mode:
            return False
        if hashlib.sha256(read_file(reader, entry)).hexdigest() != owned.sha256:
            return False
    return True


def _steps(reader: ObjectReader, commit: Commit) -> Iterator[FileChange]:
    before, after = list_files(reader, commit.parents[0]), list_files(reader, commit.id)
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old != new:
            yield FileChange(_file(reader, path, old), _file(reader, path, new))


def _file(reader: ObjectReader, path: str, entry: TreeEntry | None) -> File | None:
    if entry is None or reader.read(entry.blob) is None:  # a repository in it has no file here
        return None
    return File(path, read_file(reader, entry), entry.mode)


def _letter(commit: Commit, by: str) -> PatchHeader:
    who, seconds, zone = parse_person(by)
    name, _, address = who.rpartition("<")
    address = address.strip("> ")
    return PatchHeader(
        author=name.strip() or address,
        address=address,
        date=_date(seconds, zone),
        message=commit.message.replace("\r\n", "\n"),
        commit=commit.id,
    )


def _date(seconds: int, zone: str) -> str:
    """Return a moment as a mail has it; what no calendar has is 1970, as for git."""
    minutes = int(zone[1:3]) * 60 + int(zone[3:5])
    try:
        offset = timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))
        return format_datetime(datetime.fromtimestamp(seconds, offset))
    except (ValueError, OverflowError, OSError):
        return NO_DATE
