"""Turn a Dockerfile into the images that it names, each with the declared parent that it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from distgen.dockerfile.parse import Dockerfile, image_words
from distgen.model.catalogue import Parent
from distgen.model.lock import Lock
from distgen.model.reference import read_reference

SCRATCH = "scratch"
_IMAGE_MARK = re.compile(r"[/:.@]")


@dataclass(frozen=True, slots=True)
class ParentUse:
    """A word in a FROM, a --from or a mount that does not name a stage above it.

    `how` is the instruction, `stage` the index of the stage around it, `parent` the declared parent
    that it names.
    """

    word: str
    line: int
    how: str
    stage: int
    parent: Parent | None = None

    @property
    def is_variable(self) -> bool:
        return "$" in self.word

    @property
    def is_stage(self) -> bool:
        """Tell whether the word can only be meant as a stage: it has no mark of an image's name."""
        if self.how == "FROM" or self.is_variable or self.word == SCRATCH:
            return False
        return not _IMAGE_MARK.search(self.word)

    @property
    def is_image(self) -> bool:
        return not self.is_variable and not self.is_stage


def parent_uses(
    dockerfile: Dockerfile, parents: Iterable[Parent], lock: Lock
) -> Iterator[ParentUse]:
    """Yield the images that a Dockerfile names; names of stages above are not among them."""
    declared = tuple(parents)
    for word, line, how, stage in image_words(dockerfile):
        if how != "FROM" and dockerfile.stage(word, stage):
            continue
        use = ParentUse(word, line, how, stage)
        if use.is_image:
            parent = next((parent for parent in declared if _is_parent(word, parent, lock)), None)
            use = replace(use, parent=parent)
        yield use


def _is_parent(word: str, parent: Parent, lock: Lock) -> bool:
    if SCRATCH in (word, parent.reference):
        return word == parent.reference
    reference, declared = read_reference(word), read_reference(parent.reference)
    if not reference or not declared or reference.name != declared.name:
        return False
    entry = lock.bases.get(parent.reference)
    digest = declared.digest or (entry.digest if entry else None)
    tag_only_in_catalogue = reference.tag is None and reference.digest is not None
    is_same_tag = reference.tag == declared.tag or tag_only_in_catalogue
    return reference.digest in (None, digest) and is_same_tag
