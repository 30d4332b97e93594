"""Read the last commits of an image's branch, from its repository on this machine or the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from distgen.git.cat_file import ObjectReader
from distgen.git.commits import parse_commit, parse_person
from distgen.git.location import locate
from distgen.git.run import Git, hide_secrets
from distgen.model.published import Change
from distgen.model.words import COMMIT_STATUSES
from distgen.report.records import BranchCommit

MOST_COMMITS = 10
_MOST_TIPS = 1000
"""The branches whose commits are read by one process of git."""


@dataclass(frozen=True, slots=True)
class BranchTip:
    """The last commit of the branch of the image with this key, in the repository at `url`."""

    key: str
    url: str
    commit: str


def branch_tip(change: Change) -> BranchTip | None:
    """Return where the branch of a change stands before it; None where there is no branch."""
    tip = change.parent if change.status in COMMIT_STATUSES else change.commit
    return BranchTip(change.key, change.url, tip) if tip else None


def read_histories(
    git: Git, root: Path, store: Path | None, tips: Iterable[BranchTip]
) -> Mapping[str, tuple[BranchCommit, ...]]:
    """Return the last commits of branches, by the key of the image.

    Repositories on servers are read from the store, as far as it has them.
    """
    histories: dict[str, tuple[BranchCommit, ...]] = {}
    places = ((locate(tip.url, root).folder or store, tip) for tip in tips)
    for folder, members in groupby(places, key=itemgetter(0)):
        if folder is None:
            continue
        with ObjectReader(git, folder) as reader:
            for number, (_, tip) in enumerate(members, start=1):
                histories[tip.key] = tuple(_list_commits(reader, tip.commit))
                if number % _MOST_TIPS == 0:
                    reader.close()  # it keeps the commits that it has read
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
