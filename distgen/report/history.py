"""Read the last commits of an image's branch, from its repository on this machine or the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path

from distgen.git.cat_file import ObjectReader
from distgen.git.commits import parse_commit, parse_person
from distgen.git.location import locate
from distgen.git.run import Git, hide_secrets
from distgen.model.published import Change
from distgen.model.words import COMMIT_STATUSES
from distgen.report.records import BranchCommit

MOST_COMMITS = 10


def read_histories(
    git: Git, root: Path, store: Path | None, changes: Iterable[Change]
) -> Mapping[str, tuple[BranchCommit, ...]]:
    """Return the last commits of the branch of each image that is there, by the image's key.

    Repositories on servers are read from the store, as far as it has them.
    """
    histories: dict[str, tuple[BranchCommit, ...]] = {}
    for change in changes:
        tip = change.parent if change.status in COMMIT_STATUSES else change.commit
        folder = (locate(change.url, root).folder if tip else None) or store
        if tip and folder is not None:
            with ObjectReader(git, folder) as reader:
                histories[change.key] = tuple(_list_commits(reader, tip))
    return histories


def _list_commits(reader: ObjectReader, tip: str) -> Iterator[BranchCommit]:
    """Yield a commit and its first parents, newest first, as far as they are there."""
    commit_id: str | None = tip
    for _ in range(MOST_COMMITS):
        git_object = reader.read(commit_id) if commit_id else None
        if git_object is None or git_object.kind != "commit":
            return
        commit = parse_commit(git_object.content)
        subject = commit.message.lstrip("\n").partition("\n")[0]
        yield BranchCommit(commit.id, _format_day(commit.author), hide_secrets(subject))
        commit_id = commit.parents[0] if commit.parents else None


def _format_day(author: str) -> str:
    """Return the day of an author line in UTC, "" for one that no calendar has."""
    try:
        day = datetime.fromtimestamp(parse_person(author).seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return ""
    return day.date().isoformat()
