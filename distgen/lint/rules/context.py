"""What a rule looks at: an image, its files, and what it inherits from the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from distgen.catalogue.graph import base_chain
from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.parse import Dockerfile
from distgen.lint.build_context import BuildContext, context_of
from distgen.lint.parent_uses import ParentUse, parent_uses
from distgen.model.catalogue import Image
from distgen.model.lock import Lock
from distgen.model.policy import Policy, RuleSettings
from distgen.model.rendered import Finding, PrintedText, Tree


@dataclass(frozen=True, slots=True)
class ImageIndex:
    """Every image by key, and the Dockerfile of each that was rendered."""

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
            dockerfile, base = self.dockerfiles.get(ancestor.key), self.base(ancestor)
            for stage in dockerfile.lineage if dockerfile else ():
                yield from reversed(stage.instructions)
            yield from reversed(base.triggers if base else ())


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What a rule looks at.

    `dockerfile` is empty where the tree has none. `uses` are the images that it names. `reported`
    are findings of the source that the image comes from, such as Kolla. `settings` are those of the
    policy for the rule.
    `printed` renders the Dockerfile once more and says what its template prints into it.
    """

    image: Image
    tree: Tree
    dockerfile: Dockerfile
    index: ImageIndex
    lock: Lock
    policy: Policy
    uses: tuple[ParentUse, ...]
    build_context: BuildContext
    reported: tuple[Finding, ...]
    settings: RuleSettings
    printed: Callable[[], PrintedText] = PrintedText

    @property
    def last_line(self) -> int:
        """Return the line of the last FROM, where what is missing is reported."""
        return self.dockerfile.stages[-1].line

    @property
    def triggers(self) -> tuple[Instruction, ...]:
        """Return what the ONBUILD instructions of the base add to the image."""
        base = self.index.base(self.image)
        return base.triggers if base else ()

    @property
    def instructions(self) -> Iterator[Instruction]:
        """Yield the instructions that end up in the image, in the order they are carried out."""
        for stage in reversed(self.dockerfile.lineage):
            yield from stage.instructions

    def nearest_instruction(self, cmd: str) -> Instruction | None:
        """Return the nearest instruction of a kind, the image's own or that of an ancestor."""
        instructions = self.index.instructions(self.image)
        return next((step for step in instructions if step.cmd == cmd), None)

    def line(self, instruction: Instruction | None) -> int:
        """Return the line of an instruction of this Dockerfile, else that of the last FROM."""
        if instruction and any(instruction is step for step in self.dockerfile.instructions):
            return instruction.line
        return self.last_line

    def option(self, name: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Return an option that is a list of words."""
        value = self.settings.options.get(name, default)
        return (value,) if isinstance(value, str) else tuple(value)


def describe(
    image: Image,
    tree: Tree,
    index: ImageIndex,
    lock: Lock,
    policy: Policy,
    reported: Iterable[Finding] = (),
) -> RuleContext:
    """Return the context of an image's rules; the parts that many rules need are made once."""
    dockerfile = index.dockerfiles.get(image.key, Dockerfile(""))
    return RuleContext(
        image=image,
        tree=tree,
        dockerfile=dockerfile,
        index=index,
        lock=lock,
        policy=policy,
        uses=tuple(parent_uses(dockerfile, image.parents, lock)),
        build_context=context_of(tree),
        reported=tuple(reported),
        settings=RuleSettings(""),
    )


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether any glob fits a name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
