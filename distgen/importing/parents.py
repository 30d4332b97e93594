"""Turn a Dockerfile into the images that it builds on, its build arguments filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from distgen.dockerfile.instruction import Instruction, has_variable, unquote
from distgen.dockerfile.parse import Dockerfile, image_words, parse
from distgen.errors import DistgenError
from distgen.importing.records import DockerfileParents
from distgen.model.reference import read_reference

SCRATCH = "scratch"
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^{}$]*))?\})", re.ASCII)
_ROLE = re.compile(r"[a-z](?:[a-z0-9_.-]*[a-z0-9_])?")


def read_parents(text: str, where: str) -> DockerfileParents:
    """Return the parents of a Dockerfile; `where` is its place in messages.

    Raise DistgenError where it does not parse, or where a parent cannot be told.
    """
    dockerfile = parse(text)
    if dockerfile.problems:
        problem = dockerfile.problems[0]
        raise DistgenError(problem.message, where=f"{where}:{problem.line}")
    arguments = _global_arguments(dockerfile)
    bases = _stage_bases(dockerfile, arguments, where)
    base = bases[_root_stage(dockerfile, bases)]
    builders: dict[str, str] = {}
    for role, reference in _builders(dockerfile, bases, arguments, where):
        if reference not in (base, SCRATCH, *builders.values()):
            builders[_free_role(role, builders)] = reference
    return DockerfileParents(base, tuple(builders.items()))


def _global_arguments(dockerfile: Dockerfile) -> dict[str, str | None]:
    """Return the arguments above the first FROM by name, None for one without a default."""
    arguments: dict[str, str | None] = {}
    first = dockerfile.stages[0].line
    for instruction in dockerfile.instructions:
        if instruction.cmd == "ARG" and instruction.line < first:
            for word in instruction.value:
                name, equals, value = word.partition("=")
                arguments[name] = _fill(unquote(value), arguments)[0] if equals else None
    return arguments


def _fill(word: str, arguments: Mapping[str, str | None]) -> tuple[str, str]:
    """Return a word with its variables filled in, and the first that has no value."""
    missing = ""

    def value_of(match: re.Match[str]) -> str:
        nonlocal missing
        value = arguments.get(match[1] or match[2])
        operator, other = match[3] or "", match[4] or ""
        is_set = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("+"):
            return other if is_set else ""
        if operator and not is_set:
            return other
        missing = missing or ("" if value is not None else match[1] or match[2])
        return value or ""

    return _VARIABLE.sub(value_of, word), missing


def _resolve(word: str, arguments: Mapping[str, str | None], where: str) -> str:
    """Return the reference that a word names, `scratch` as it is."""
    filled, missing = _fill(word, arguments) if has_variable(word) else (word, "")
    if missing:
        raise DistgenError(
            f"the parent {word} depends on the build argument {missing}, which has no default",
            where=where,
            hint=f"give it one with `ARG {missing}=...` above the first FROM",
        )
    if filled == SCRATCH:
        return filled
    reference = read_reference(filled)
    if reference is None:
        raise DistgenError(
            f"the parent {filled or word} is not the name of an image",
            where=where,
            hint="write registry/repository:tag",
        )
    return str(reference)


def _stage_bases(
    dockerfile: Dockerfile, arguments: Mapping[str, str | None], where: str
) -> dict[int, str]:
    """Return the references of the stages that build on no other stage."""
    return {
        stage.index: _resolve(stage.base, arguments, f"{where}:{stage.line}")
        for stage in dockerfile.stages
        if stage.parent is None and _named_stage(dockerfile, stage.index, arguments) is None
    }


def _named_stage(
    dockerfile: Dockerfile, index: int, arguments: Mapping[str, str | None]
) -> int | None:
    """Return the stage that another one builds on, also where an argument names it."""
    stage = dockerfile.stages[index]
    if stage.parent is not None:
        return stage.parent
    if not has_variable(stage.base):
        return None
    word, _ = _fill(stage.base, arguments)
    earlier = (other for other in reversed(dockerfile.stages[:index]) if other.name)
    return next((other.index for other in earlier if other.name == word.lower()), None)


def _root_stage(dockerfile: Dockerfile, bases: Mapping[int, str]) -> int:
    """Return the stage that the last one builds on in the end."""
    arguments = _global_arguments(dockerfile)
    index = len(dockerfile.stages) - 1
    while index not in bases:
        below = _named_stage(dockerfile, index, arguments)
        assert below is not None
        index = below
    return index


def _builders(
    dockerfile: Dockerfile,
    bases: Mapping[int, str],
    arguments: Mapping[str, str | None],
    where: str,
) -> Iterator[tuple[str, str]]:
    """Yield the roles and references of all other images that a Dockerfile names."""
    for index, reference in bases.items():
        yield dockerfile.stages[index].name, reference
    for word, line, how, stage in image_words(dockerfile):
        if how != "FROM" and not dockerfile.stage(word, stage) and _names_image(word):
            yield "", _resolve(word, arguments, f"{where}:{line}")


def _names_image(word: str) -> bool:
    """Tell whether a word of a --from can be meant as an image, rather than as a lost stage."""
    return any(mark in word for mark in "/:.@$")


def _free_role(role: str, used_roles: Mapping[str, str]) -> str:
    role = role if _ROLE.fullmatch(role) and role != "base" else "builder"
    numbers = (f"{role}{number}" for number in range(2, len(used_roles) + 3))
    return next(name for name in (role, *numbers) if name not in used_roles)


def label_texts(text: str) -> dict[str, str]:
    """Return the labels of a Dockerfile's image that hold no variables."""
    steps: Iterator[Instruction] = (
        step
        for stage in reversed(parse(text).lineage)
        for step in stage.instructions
        if step.cmd == "LABEL"
    )
    labels: dict[str, str] = {}
    for step in steps:
        for key, value in zip(step.value[0::2], step.value[1::2], strict=False):
            if not has_variable(value):
                labels[unquote(key)] = unquote(value)
    return labels
