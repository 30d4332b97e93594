"""Turn edits into groups: those that are equal, exactly or but for words of their images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from distgen.compare.records import EditPattern, FileEdit, GroupMember, Operation
from distgen.compare.words import ImageWords

_MOST_COMPARED = 8
"""Of the images that have the same text, so many are asked for its pattern."""
_Words = tuple[str, ...]
_Row = tuple[int, FileEdit, _Words]
"""An edit between its number and the words that fill its pattern."""
_Groups = dict[
    tuple[Operation, tuple[int | None, int | None], EditPattern], tuple[EditPattern, list[_Row]]
]
WordsOf = Callable[[str], ImageWords]
"""Returns the words of the image of a key."""


@dataclass(frozen=True, slots=True)
class EditSet:
    """Edits of one group: their pattern, and for each the words that fill it."""

    pattern: EditPattern
    edits: tuple[FileEdit, ...]
    words: tuple[_Words, ...]

    def members(self) -> tuple[GroupMember, ...]:
        """Return the members in the order of the edits."""
        return tuple(
            GroupMember(
                *edit.image.rpartition("@")[::2],
                edit.path,
                words,
                edit.old_start,
                edit.new_start,
            )
            for edit, words in zip(self.edits, self.words, strict=True)
        )


def group_edits(edits: Iterable[FileEdit], words_of: WordsOf) -> tuple[EditSet, ...]:
    """Return the groups in the order of their first edits; every edit is in exactly one."""
    exact: dict[object, list[tuple[int, FileEdit]]] = {}
    for number, edit in enumerate(edits):
        key = (edit.path, edit.operation, edit.modes, edit.lines)
        exact.setdefault(key, []).append((number, edit))
    groups: _Groups = {}
    for equal_edits in exact.values():
        first = equal_edits[0][1]
        pattern, words = _choose_pattern([edit for _, edit in equal_edits], words_of)
        _, rows = groups.setdefault((first.operation, first.modes, pattern), (pattern, []))
        rows += [(number, edit, words) for number, edit in equal_edits]
    joined = _join_ambiguous(groups, words_of)
    return tuple(_edit_set(pattern, rows) for pattern, rows in joined.values())


def _join_ambiguous(groups: _Groups, words_of: WordsOf) -> _Groups:
    """Move edits of few images into the group where one of their words has another role.

    In `zuul/zuul` the name may be meant or the namespace, and only other images tell which.
    """
    joined = {key: (pattern, [*rows]) for key, (pattern, rows) in groups.items()}
    for key, (pattern, rows) in groups.items():
        operation, modes, _ = key
        edits = {row[2]: row[1] for row in rows}  # one for each filling
        if not pattern.roles or len(edits) > _MOST_COMPARED:
            continue
        others = [_other_patterns(edit, words_of(edit.image)) for edit in edits.values()]
        candidates = [
            candidate
            for other in others[0]
            if (candidate := (operation, modes, other)) in joined.keys() - {key}
            and all(other in patterns for patterns in others[1:])
        ]
        if candidates:
            best = max(candidates, key=lambda candidate: len(joined[candidate][1]))
            joined[best][1].extend(joined.pop(key)[1])
    return joined


def _other_patterns(edit: FileEdit, words: ImageWords) -> list[EditPattern]:
    return list(words.other_patterns(_text(edit))) if words.is_ambiguous else []


def _edit_set(pattern: EditPattern, rows: list[_Row]) -> EditSet:
    rows = sorted(rows, key=lambda row: row[0])
    return EditSet(pattern, tuple(row[1] for row in rows), tuple(row[2] for row in rows))


def _choose_pattern(edits: list[FileEdit], words_of: WordsOf) -> tuple[EditPattern, _Words]:
    """Return the pattern of one text that several images have, as most of them see it."""
    first = edits[0]
    text = _text(first)
    if first.operation == "binary":
        # Only hashes tell binary files apart, and those would be taken out.
        return EditPattern((text,)), ()
    views = Counter(words_of(edit.image).take_out(text) for edit in edits[:_MOST_COMPARED])
    return views.most_common(1)[0][0]


def _text(edit: FileEdit) -> str:
    return "\n".join((edit.path, *edit.lines))
