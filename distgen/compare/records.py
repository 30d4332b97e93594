"""The records of a comparison: edits of files, groups of equal edits, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from distgen.model.rendered import File
from distgen.model.words import ChangeKind, Level, Origin

Operation = Literal["changed", "added", "deleted", "mode", "binary"]
Trees = Mapping[str, Mapping[str, File]]
"""The files of images: a mapping from `namespace/name@stream` to files by path."""
ImageState = Literal["changed", "added", "removed"]


@dataclass(frozen=True, slots=True)
class FileEdit:
    """What changes at one place of a file: the lines that come and go, each with its sign.

    `modes` are the old and the new mode where the edit is about them. The starts are the
    first line that goes and the first that comes, counted from 1; 0 where there is none.
    """

    image: str
    path: str
    operation: Operation
    lines: tuple[str, ...] = field(repr=False)
    modes: tuple[int | None, int | None] = (None, None)
    old_start: int = 0
    new_start: int = 0


@dataclass(frozen=True, slots=True)
class EditPattern:
    """The text of an edit with the words of the image taken out: literal pieces around roles."""

    pieces: tuple[str, ...] = field(repr=False)
    roles: tuple[str, ...] = ()

    def fill(self, words: tuple[str, ...]) -> str:
        """Return the text with these words in the places of the roles."""
        filled = (piece + word for piece, word in zip(self.pieces, words, strict=False))
        return "".join(filled) + self.pieces[-1]


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One edit of a group: where it stands, and the words of its image in it."""

    image: str
    stream: str
    path: str
    words: tuple[str, ...] = ()
    old_start: int = 0
    new_start: int = 0

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"


@dataclass(frozen=True, slots=True)
class EditGroup:
    """Edits that are equal once the words of their images are replaced.

    `hunk` is the real text of the first member, in git's form with context. `kind` and `sentence`
    say what it means to a reader, `origin` where the first member's line was written.
    """

    kind: ChangeKind
    sentence: str
    path: str
    operation: Operation
    modes: tuple[int | None, int | None]
    hunk: tuple[str, ...] = field(repr=False)
    pattern: EditPattern = field(repr=False)
    members: tuple[GroupMember, ...]
    level: Level = "info"
    origin: Origin | None = None
    repeats: int = 0
    """The number of the group, from 1, that this one only says again elsewhere; 0: none."""

    def edit(self, member: GroupMember) -> FileEdit:
        """Return the edit of a member as it is in its file."""
        path, *lines = self.pattern.fill(member.words).split("\n")
        places = (member.old_start, member.new_start)
        return FileEdit(member.key, path, self.operation, tuple(lines), self.modes, *places)

    @property
    def images(self) -> tuple[str, ...]:
        """Return the keys of the images, each once."""
        return tuple(dict.fromkeys(member.key for member in self.members))

    def differing_slots(self) -> Iterator[int]:
        """Yield the places where the members have different words; one for each set of words."""
        columns = list(zip(*(member.words for member in self.members), strict=True))
        earlier: set[tuple[str, ...]] = set()
        for slot, column in enumerate(columns):
            folded = tuple(word.lower() for word in column)
            if len({*folded}) > 1 and folded not in earlier:
                earlier.add(folded)
                yield slot


@dataclass(frozen=True, slots=True)
class StoppedImage:
    """An image that nothing would be delivered to, and why."""

    image: str
    stream: str
    status: str
    detail: str
    diff: str = field(default="", repr=False)
    """What was edited downstream."""


@dataclass(frozen=True, slots=True)
class GroupedDiff:
    """What changes over all images that were compared; `states` has those that change by key."""

    compared: int
    states: Mapping[str, ImageState]
    groups: tuple[EditGroup, ...] = field(repr=False)
    rebuilt: tuple[str, ...] = ()
    stopped: tuple[StoppedImage, ...] = ()
    left_out: tuple[str, ...] = ()
    """Distgen's own files that change too and are not shown."""
    since: str | None = None
    """The revision of the catalogue that was compared; None: what the repositories hold."""

    @property
    def edits(self) -> int:
        return sum(len(group.members) for group in self.groups)
