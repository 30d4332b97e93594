"""What a rule looks at: an image, its files, and what it inherits from the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from distgen.catalogue.graph import base_chain
from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.parse import Dockerfile
from distgen.model.catalogue import Image, RuleSettings
from distgen.model.rendered import Tree


@dataclass(frozen=True, slots=True)
class ImageIndex:
    """Every image by key, and the Dockerfile of each that was rendered: where inheritance ends."""

    images: Mapping[str, Image]
    dockerfiles: Mapping[str, Dockerfile]

    def ancestors(self, image: Image) -> tuple[tuple[Image, ...], str]:
        """Return an image and its bases of the catalogue, and the external base of the last one."""
        chain = base_chain(self.images, image)
        external = chain[-1].base
        return chain, external.reference if external else ""

    def base(self, image: Image) -> Dockerfile | None:
        """Return the Dockerfile of what an image builds on, None where that is external."""
        line, _ = self.ancestors(image)
        return self.dockerfiles.get(line[1].key) if len(line) > 1 else None

    def instructions(self, image: Image) -> Iterator[Instruction]:
        """Yield all that makes an image, the last first: its own, its base's triggers, and up."""
        for ancestor in self.ancestors(image)[0]:
            own, base = self.dockerfiles.get(ancestor.key), self.base(ancestor)
            for stage in own.lineage if own else ():
                yield from reversed(stage.instructions)
            yield from reversed(base.triggers if base else ())

    def inherited(self, image: Image, cmd: str) -> Instruction | None:
        """Return the nearest instruction of a kind, the image's own or that of an ancestor."""
        return next((found for found in self.instructions(image) if found.cmd == cmd), None)


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What a rule looks at."""

    image: Image
    tree: Tree
    own: Dockerfile
    family: ImageIndex
    rule: RuleSettings

    @property
    def last_line(self) -> int:
        """Return the line of the last FROM, where what is missing is reported."""
        return self.own.stages[-1].line

    def inherited(self, cmd: str) -> Instruction | None:
        """Return the nearest instruction of a kind, own or inherited."""
        return self.family.inherited(self.image, cmd)

    def line(self, instruction: Instruction) -> int:
        """Return the line of an instruction of its own, the last FROM's of an inherited one."""
        mine = any(instruction is one for one in self.own.instructions)
        return instruction.line if mine else self.last_line

    def option(self, name: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Return an option that is a list of words."""
        value = self.rule.options.get(name, default)
        return (value,) if isinstance(value, str) else tuple(value)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether any glob fits a name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
