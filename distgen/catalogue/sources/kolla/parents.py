"""Read from a rendered Dockerfile which images it builds on and which files it takes.

Kolla takes the second word of the first FROM, which is a flag, a variable or the wrong stage's base
as soon as a Dockerfile says more than `FROM image`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from distgen.dockerfile.parse import Dockerfile, mounts, parse, sources
from distgen.model.reference import HUB, names_a_registry

BASE = "base"
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")


@dataclass(frozen=True, slots=True)
class Read:
    """What one Dockerfile says: the image of each role, and (file, line) of all it takes.

    Role "base" is what the image ends up on; others are named by their stage or by themselves.
    """

    parents: tuple[tuple[str, str], ...]
    taken: tuple[tuple[str, int], ...]


def read(text: str, known: dict[str, tuple[object, ...]]) -> Read:
    """Return what a Dockerfile says; `known` keeps it by the digest of the text."""
    key = hashlib.sha256(text.encode()).hexdigest()
    if key not in known:
        own = parse(text)
        known[key] = (tuple(_parents(own).items()), tuple(_taken(own)))
    return Read(*known[key])  # type: ignore[arg-type]


def public(word: str) -> str:
    """Return a reference with its registry, as a builder completes it."""
    host, slash, _ = word.partition("/")
    if not slash:
        return f"{HUB}/library/{word}"
    return word if names_a_registry(host) else f"{HUB}/{word}"


def _parents(own: Dockerfile) -> dict[str, str]:
    defaults = _defaults(own)
    found: dict[str, str] = {}
    bottom = own.lineage[-1] if own.lineage else None
    if bottom is not None and bottom.base:
        found[BASE] = _filled(bottom.base, defaults)
    for stage in own.stages:
        if stage.parent is None and stage is not bottom and stage.base:
            word = _filled(stage.base, defaults)
            _add(found, stage.name or _short(word), word)
        for instruction in stage.instructions:
            froms = [instruction.flag("from"), *(mount.image for mount in mounts(instruction))]
            for word in filter(None, froms):
                if not own.stage(word, stage.index) and re.search(r"[/:.@]", word):
                    _add(found, _short(word), _filled(word, defaults))
    return {role: word for role, word in found.items() if word != "scratch"}


def _add(found: dict[str, str], role: str, word: str) -> None:
    if word in found.values():
        return
    number, free = 1, role
    while free in found:
        number, free = number + 1, f"{role}-{number + 1}"
    found[free] = word


def _short(word: str) -> str:
    return re.split("[:@]", word.rpartition("/")[2])[0]


def _defaults(own: Dockerfile) -> Mapping[str, str]:
    """Return the defaults of the arguments before the first FROM, which a FROM may name."""
    found = {}
    for instruction in own.instructions:
        if instruction.cmd == "FROM":
            break
        for value in instruction.value if instruction.cmd == "ARG" else ():
            name, equals, default = value.partition("=")
            if equals:
                found[name] = default.strip("\"'")
    return found


def _filled(word: str, defaults: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        braced, otherwise, plain = match.groups()
        return defaults.get(braced or plain) or otherwise or match.group()

    return _VARIABLE.sub(value, word)


def _taken(own: Dockerfile) -> Iterator[tuple[str, int]]:
    for instruction in own.instructions:
        run = instruction.trigger or instruction
        if run.cmd in {"COPY", "ADD"} and run.flag("from") is None:
            for word in sources(run):
                yield word, own.find(word, instruction)
