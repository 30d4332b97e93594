"""What Kolla's configuration is asked, in plain values: another interpreter may have to answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distgen.model.words import NOWHERE, Origin


@dataclass(frozen=True, slots=True)
class PublishedNames:
    """The registry and repositories that a namespace names; `path/prefix` stand before an image."""

    registry: str
    path: str
    prefix: str
    is_prefixed: bool
    tags: tuple[str, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class KollaQuestion:
    """The settings of one stream; relative paths in them start at `root`.

    `origins` are the lines that wrote options, `configs` are files of Kolla's configuration.
    """

    options: Mapping[str, Any]
    root: str
    origin: Origin
    origins: Mapping[str, Origin]
    configs: tuple[str, ...]
    names: PublishedNames

    def find_origin(self, option: str) -> Origin:
        """Return the line that wrote an option last, or the first line of the settings."""
        return self.origins.get(option, self.origin)


def dump_question(question: KollaQuestion) -> dict[str, Any]:
    """Return a question as JSON has it."""
    names = question.names
    return {
        "options": dict(question.options),
        "root": question.root,
        "origin": dump_origin(question.origin),
        "origins": {name: dump_origin(origin) for name, origin in question.origins.items()},
        "configs": list(question.configs),
        "names": [names.registry, names.path, names.prefix, names.is_prefixed, list(names.tags)],
        "names_origin": dump_origin(names.origin),
    }


def load_question(data: Mapping[str, Any]) -> KollaQuestion:
    """Return the question that was written."""
    registry, path, prefix, is_prefixed, tags = data["names"]
    origin = load_origin(data["names_origin"])
    return KollaQuestion(
        data["options"],
        data["root"],
        load_origin(data["origin"]),
        {name: load_origin(place) for name, place in data["origins"].items()},
        tuple(data["configs"]),
        PublishedNames(registry, path, prefix, is_prefixed, tuple(tags), origin),
    )


def dump_origin(origin: Origin) -> list[str | int]:
    """Return a place as JSON has it."""
    return [origin.path, origin.line, origin.column]


def load_origin(data: object) -> Origin:
    """Return the place that was written, NOWHERE for what is none."""
    match data:
        case [str(path), int(line), int(column)]:
            return Origin(path, line, column)
    return NOWHERE
