"""Tell which edits only say that a base or a source of their image moved, and which did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from distgen.compare.edit_text import find_hunks, texts_around
from distgen.compare.records import FileEdit, Trees
from distgen.dockerfile.filename import is_dockerfile
from distgen.errors import DistgenError
from distgen.model.published import Manifest, Statement
from distgen.model.rendered import File
from distgen.model.words import MANIFEST
from distgen.publish.dockerfile_statements import dockerfile_statements
from distgen.publish.kinds import file_kind
from distgen.publish.pin_statements import (
    NO_ALIASES,
    Aliases,
    find_aliases,
    source_statements,
)
from distgen.render.manifest import parse_manifest


@dataclass(frozen=True, slots=True)
class ImageMoves:
    """What moved in one image: names of it, and what is said of its sources."""

    aliases: Aliases = NO_ALIASES
    sources: tuple[Statement, ...] = ()


NO_MOVES = ImageMoves()


@dataclass(frozen=True)
class MoveFinder:
    """The files of images before and after, and what moved in each of the images by key."""

    old: Trees
    new: Trees
    moves: Mapping[str, ImageMoves] = field(repr=False)

    def only_follows(self, edit: FileEdit) -> bool:
        """Tell whether an edit says nothing but that a base or a source moved."""
        if edit.operation != "changed":
            return False
        aliases = self.moves[edit.image].aliases
        if not (aliases.old or aliases.new):
            return False
        removed = [line[1:] for line in edit.lines if line[0] == "-"]
        added = [line[1:] for line in edit.lines if line[0] == "+"]
        if is_dockerfile(edit.path):
            return aliases.lines_agree(removed, added) or self._is_unsaid(edit, aliases)
        if file_kind(edit.path) == "formatting":
            return aliases.documents_agree("\n".join(removed), "\n".join(added))
        return aliases.lines_agree(removed, added)

    def _is_unsaid(self, edit: FileEdit, aliases: Aliases) -> bool:
        """Tell whether a summary of a Dockerfile has nothing to say of an edit."""
        old, new = (trees[edit.image][edit.path] for trees in (self.old, self.new))
        text = old.content.decode("utf-8", "replace")
        hunk = find_hunks(edit, old, new)[0]
        before, after = texts_around(text, hunk, edit.lines)
        # What stands around the edit has the old names on both sides.
        names = {**aliases.new, **aliases.old}
        either = Aliases(names, names, aliases.has_source)
        return not any(dockerfile_statements(edit.path, before, after, either))

    def describe_sources(self, edits: Iterable[FileEdit]) -> str:
        """Return what is said of the sources of all images of these edits, "" where they differ."""
        texts = {
            "; ".join(line for statement in statements for line in statement.lines)
            for statements in (self.moves[edit.image].sources for edit in edits)
        }
        return texts.pop() if len(texts) == 1 else ""


def compare_manifests(before: Manifest | None, after: Manifest | None) -> ImageMoves:
    """Return what moved between two manifests of an image; nothing where one is not there."""
    if before is None or after is None:
        return NO_MOVES
    statements = tuple(source_statements(before.sources, after.sources))
    moves = ImageMoves(find_aliases(before, after), statements)
    return NO_MOVES if moves == NO_MOVES else moves


def read_manifest(files: Mapping[str, File]) -> Manifest | None:
    """Return the manifest among the files of an image; None where it is not there or not ours."""
    file = files.get(MANIFEST)
    try:
        return parse_manifest(file.content) if file is not None else None
    except DistgenError:
        return None  # somebody edited it, which the plan says
