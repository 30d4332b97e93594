"""Say why a change would take a branch back to an older state of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable

from distgen.git.cat_file import ObjectReader
from distgen.git.commits import parse_person
from distgen.model.published import Change
from distgen.model.words import DIRTY
from distgen.publish.source import last_publication, source_of

Contains = Callable[[str, int], bool]
"""Says whether the catalogue's history has a commit, which was made at a time since 1970."""
_SOURCE = re.compile(rf"(?:.*@)?([0-9a-f]{{40}}|[0-9a-f]{{64}})(?:{DIRTY})?")


def refuse_older(reader: ObjectReader, change: Change, contains: Contains) -> str:
    """Return why the change must not be made, "" when the branch is of this commit or an earlier.

    It holds for every plan, also for one that is made again after a race was lost. Without it, two
    jobs of two commits took turns: each took back what the other had published.
    """
    last = last_publication(reader, change)
    source = _SOURCE.fullmatch(source_of(last))
    if last is None or source is None or contains(source[1], parse_person(last.committer).seconds):
        return ""
    return (
        f"it was published from commit {source[1][:12]} of the catalogue, which is not in the"
        " history of this one; publish from there, or choose --allow-older"
    )
