"""Tells whether an image has a health check, its own or one of the images it is built on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.parse import Dockerfile, parse
from distgen.model.catalogue import Image
from distgen.model.rendered import Tree


def has_healthcheck(key: str, images: Mapping[str, Image], trees: Mapping[str, Tree]) -> bool:
    """Tell whether an image has a health check; what an external base has is not known.

    A base whose tree is not among `trees` is as an external one.
    """
    triggers: tuple[Instruction, ...] = ()
    chain = []
    parent: str | None = key
    while parent is not None and parent in images and parent in trees:
        chain.append(_parse(trees[parent]))
        base = images[parent].base
        parent = base.image if base else None
    answer = False
    for dockerfile in reversed(chain):
        steps = [step for stage in reversed(dockerfile.lineage) for step in stage.instructions]
        answer = _last_word((*triggers, *steps), answer)
        triggers = dockerfile.triggers
    return answer


def _parse(tree: Tree) -> Dockerfile:
    return parse((tree.content("Dockerfile") or b"").decode("utf-8", "replace"))


def _last_word(steps: Iterable[Instruction], inherited: bool) -> bool:
    words = [step.value for step in steps if step.cmd == "HEALTHCHECK"]
    return words[-1][:1] != ("NONE",) if words else inherited
