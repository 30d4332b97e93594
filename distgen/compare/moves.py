"""Tell which edits only say that a base or a source of their image moved, and which did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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


@dataclass(frozen=True)
class MoveFinder:
    """The manifests of images before and after, each read when it is asked for."""

    old: Trees
    new: Trees
    known: dict[str, ImageMoves] = field(default_factory=dict, repr=False)

    def find_moves(self, image: str) -> ImageMoves:
        """Return what moved in an image; nothing where it was not there before."""
        if image not in self.known:
            self.known[image] = _read_moves(self.old.get(image, {}), self.new.get(image, {}))
        return self.known[image]

    def only_follows(self, edit: FileEdit) -> bool:
        """Tell whether an edit says nothing but that a base or a source moved."""
        if edit.operation != "changed":
            return False
        aliases = self.find_moves(edit.image).aliases
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
            for statements in (self.find_moves(edit.image).sources for edit in edits)
        }
        return texts.pop() if len(texts) == 1 else ""


def _read_moves(old: Mapping[str, File], new: Mapping[str, File]) -> ImageMoves:
    manifests = [*_read_manifests(old, new)]
    if len(manifests) < 2:
        return ImageMoves()
    before, after = manifests
    statements = tuple(source_statements(before.sources, after.sources))
    return ImageMoves(find_aliases(before, after), statements)


def _read_manifests(*trees: Mapping[str, File]) -> Iterator[Manifest]:
    for files in trees:
        file = files.get(MANIFEST)
        try:
            if file is not None:
                yield parse_manifest(file.content)
        except DistgenError:
            pass  # somebody edited it, which the plan says
