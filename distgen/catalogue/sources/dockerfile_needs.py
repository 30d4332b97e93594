"""Read from a rendered Dockerfile which images it builds on and which files it takes.

Kolla takes the second word of the first FROM. That is a flag, a variable or the wrong stage's base
as soon as a Dockerfile says more than `FROM image`; BuildKit's parser reads them all.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from distgen.dockerfile.parse import Dockerfile, copy_sources, mounts, parse
from distgen.model.reference import HUB, names_a_registry

BASE = "base"
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")


@dataclass(frozen=True, slots=True)
class DockerfileNeeds:
    """The images that one Dockerfile builds on, by role, and (file, line) of each file it takes.

    Role "base" is the image of its last stage; others are named by their stage or by themselves.
    """

    parents: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, int], ...]


def read_needs(text: str, by_digest: dict[str, tuple[object, ...]]) -> DockerfileNeeds:
    """Return what a Dockerfile needs; `by_digest` is a cache, by the digest of the text."""
    key = hashlib.sha256(text.encode()).hexdigest()
    if key not in by_digest:
        dockerfile = parse(text)
        by_digest[key] = (tuple(_parents(dockerfile).items()), tuple(_files(dockerfile)))
    return DockerfileNeeds(*by_digest[key])  # type: ignore[arg-type]


def full_reference(word: str) -> str:
    """Return a reference with its registry, as a builder completes it."""
    host, slash, _ = word.partition("/")
    if not slash:
        return f"{HUB}/library/{word}"
    return word if names_a_registry(host) else f"{HUB}/{word}"


def _parents(dockerfile: Dockerfile) -> dict[str, str]:
    defaults = _argument_defaults(dockerfile)
    parents: dict[str, str] = {}
    bottom = dockerfile.lineage[-1] if dockerfile.lineage else None
    if bottom is not None and bottom.base:
        parents[BASE] = _fill_variables(bottom.base, defaults)
    for stage in dockerfile.stages:
        if stage.parent is None and stage is not bottom and stage.base:
            word = _fill_variables(stage.base, defaults)
            _add_parent(parents, stage.name or _short_name(word), word)
        for instruction in stage.instructions:
            words = [instruction.flag("from"), *(mount.image for mount in mounts(instruction))]
            for word in filter(None, words):
                if not dockerfile.stage(word, stage.index) and re.search(r"[/:.@]", word):
                    _add_parent(parents, _short_name(word), _fill_variables(word, defaults))
    return {role: word for role, word in parents.items() if word != "scratch"}


def _add_parent(parents: dict[str, str], role: str, word: str) -> None:
    if word in parents.values():
        return
    number, free_role = 1, role
    while free_role in parents:
        number, free_role = number + 1, f"{role}-{number + 1}"
    parents[free_role] = word


def _short_name(word: str) -> str:
    return re.split("[:@]", word.rpartition("/")[2])[0]


def _argument_defaults(dockerfile: Dockerfile) -> Mapping[str, str]:
    """Return the defaults of the arguments before the first FROM, which a FROM may name."""
    defaults = {}
    for instruction in dockerfile.instructions:
        if instruction.cmd == "FROM":
            break
        for value in instruction.value if instruction.cmd == "ARG" else ():
            name, equals, default = value.partition("=")
            if equals:
                defaults[name] = default.strip("\"'")
    return defaults


def _fill_variables(word: str, defaults: Mapping[str, str]) -> str:
    def value(variable: re.Match[str]) -> str:
        braced_name, otherwise, plain_name = variable.groups()
        return defaults.get(braced_name or plain_name) or otherwise or variable.group()

    return _VARIABLE.sub(value, word)


def _files(dockerfile: Dockerfile) -> Iterator[tuple[str, int]]:
    for instruction in dockerfile.instructions:
        run = instruction.trigger or instruction
        if run.cmd in {"COPY", "ADD"} and run.flag("from") is None:
            for word in copy_sources(run):
                yield word, dockerfile.find_line(word, instruction)
