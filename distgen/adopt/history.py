"""Find the commits of packagers on a branch, since the newest commit without an edit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

from distgen.adopt.mbox import NO_DATE, FileChange, PatchHeader
from distgen.adopt.records import PackagerCommit
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import Commit, parse_commit, parse_person
from distgen.git.repository import list_commits
from distgen.model.published import TreeEntry
from distgen.model.rendered import File
from distgen.model.words import EXECUTABLE, REGULAR
from distgen.publish.branch import edited_paths, list_files, read_file, read_manifest_and_files
from distgen.verify.claims import parse_claim

_MOST_COMMITS = 1000


def packager_commits(
    reader: ObjectReader, tip: str, author: str, paths: Collection[str]
) -> tuple[PackagerCommit, ...]:
    """Return the commits of packagers since the newest one without an edit, oldest first.

    Where none of them is about an edited path, the newest one that is comes before them. `author`
    is who commits for distgen; those commits are left out, and so are merges.
    """
    unedited = (name for name in _list_commits(reader, tip) if _is_unedited(reader, name))
    base = next(unedited, None)
    span = f"{base}..{tip}" if base else tip
    names = _list_commits(reader, span, no_merges=True, reverse=True)
    commits = tuple(_read_packager_commits(reader, names, author))
    missing = {*paths} - {path for commit in commits for path in _changed_paths(commit)}
    earlier_names = dict.fromkeys(
        name
        for path in sorted(missing)
        for name in _list_commits(reader, tip, [path], no_merges=True, max_count=1)
    )
    return (*_read_packager_commits(reader, earlier_names, author), *commits)


def last_editor(reader: ObjectReader, tip: str, paths: Collection[str]) -> PatchHeader:
    """Return an empty header by whoever committed the newest change of these paths.

    It is for edits that are in no commit of a packager: they changed one of distgen's, or began
    the history anew.
    """
    # The author of an amended commit is distgen; patches once said that it was, in 1970.
    names = _list_commits(reader, tip, sorted(paths), no_merges=True, max_count=1)
    commit = _read_commit(reader, next(names, tip))
    return replace(_header(commit, commit.committer), message="")


def companion_files(
    reader: ObjectReader,
    tip: str,
    commits: Collection[PackagerCommit],
    paths: Collection[str],
) -> Iterator[File]:
    """Yield the files, as they are now, that came with edits of these paths in one commit."""
    entries = list_files(reader, tip)
    companions: set[str] = set()
    for commit in commits:
        changed = _changed_paths(commit)
        if changed & {*paths}:
            companions |= changed - {*paths}
    for path in sorted(companions & {*entries}):
        entry = entries[path]
        if entry.mode in (REGULAR, EXECUTABLE):
            yield File(path, read_file(reader, entry), entry.mode)


def _read_packager_commits(
    reader: ObjectReader, names: Iterable[str], author: str
) -> Iterator[PackagerCommit]:
    for name in names:
        commit = _read_commit(reader, name)
        is_by_distgen = parse_claim(commit.message) and commit.author.startswith(f"{author} ")
        if commit.parents and not is_by_distgen:
            header = _header(commit, commit.author)
            yield PackagerCommit(header, tuple(_changes(reader, commit)))


def _changed_paths(commit: PackagerCommit) -> set[str]:
    return {file.path for change in commit.changes for file in (change.old, change.new) if file}


def _list_commits(
    reader: ObjectReader, revisions: str, paths: Sequence[str] = (), **options: bool | int
) -> Iterator[str]:
    options = {"max_count": _MOST_COMMITS, **options}
    return list_commits(reader.git, reader.folder, revisions, paths, **options)


def _read_commit(reader: ObjectReader, name: str) -> Commit:
    git_object = reader.read(name)
    return parse_commit(git_object.content if git_object else b"")


def _is_unedited(reader: ObjectReader, commit: str) -> bool:
    """Say whether all generated files are as the manifest of the same commit says."""
    manifest, entries = read_manifest_and_files(reader, commit)
    return manifest is not None and not any(edited_paths(reader, manifest, entries))


def _changes(reader: ObjectReader, commit: Commit) -> Iterator[FileChange]:
    before, after = list_files(reader, commit.parents[0]), list_files(reader, commit.id)
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old != new:
            yield FileChange(_file(reader, path, old), _file(reader, path, new))


def _file(reader: ObjectReader, path: str, entry: TreeEntry | None) -> File | None:
    if entry is None or reader.read(entry.blob) is None:  # the files of a submodule are elsewhere
        return None
    return File(path, read_file(reader, entry), entry.mode)


def _header(commit: Commit, person_line: str) -> PatchHeader:
    person, seconds, zone = parse_person(person_line)
    name, _, address = person.rpartition("<")
    address = address.strip("> ")
    return PatchHeader(
        author=name.strip() or address,
        address=address,
        date=_format_date(seconds, zone),
        message=commit.message.replace("\r\n", "\n"),
        commit=commit.id,
    )


def _format_date(seconds: int, zone: str) -> str:
    """Return a moment as a mail has it; what no calendar has is 1970, as for git."""
    minutes = int(zone[1:3]) * 60 + int(zone[3:5])
    try:
        offset = timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))
        return format_datetime(datetime.fromtimestamp(seconds, offset))
    except (ValueError, OverflowError, OSError):
        # Commits imported from older systems have such dates; one of them once ended the run.
        return NO_DATE
