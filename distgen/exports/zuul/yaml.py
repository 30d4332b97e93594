"""Writes stanzas of Zuul as YAML, with anchors that have names; fast enough for thousands of jobs.

PyYAML numbers its anchors, so that a new image would rename those of all that follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from distgen.schema.yaml_writer import dump_yaml

# Text that no version of YAML takes for anything but text, wherever it stands.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
_QUOTABLE = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True)
class Anchored:
    """Data that is written once, under the name of an anchor, and named wherever it stands again.

    A name counts for one text of YAML.
    """

    name: str
    data: Any


def format_stanzas(header: str, stanzas: Iterable[Mapping[str, Any]]) -> str:
    """Return a file of Zuul's configuration: a comment, and each stanza after an empty line."""
    anchors: set[str] = set()
    texts = ["\n".join(_item_lines(stanza, "", anchors)) for stanza in stanzas]
    return "\n\n".join((header, *texts)) + "\n"


def _item_lines(item: Any, indent: str, anchors: set[str]) -> Iterator[str]:
    """Yield an item of a list; a mapping begins on the line of its dash."""
    if not (isinstance(item, Mapping) and item):
        yield from _value_lines(f"{indent}-", item, indent, anchors)
        return
    dash = f"{indent}- "
    for key, value in item.items():
        yield from _value_lines(f"{dash}{format_text(key)}:", value, f"{indent}  ", anchors)
        dash = f"{indent}  "


def _value_lines(start: str, value: Any, indent: str, anchors: set[str]) -> Iterator[str]:
    if isinstance(value, Anchored):
        if value.name in anchors:
            yield f"{start} *{value.name}"
            return
        anchors.add(value.name)
        start, value = f"{start} &{value.name}", value.data
    if isinstance(value, Mapping) and value:
        yield start
        for key, below in value.items():
            yield from _value_lines(f"{indent}  {format_text(key)}:", below, f"{indent}  ", anchors)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield start
        for item in value:
            yield from _item_lines(item, f"{indent}  ", anchors)
    else:
        yield f"{start} {_format_scalar(value)}"


def _format_scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return format_text(value)
    return "{}" if isinstance(value, Mapping) else "[]"


@cache
def format_text(text: str) -> str:
    """Return text as a scalar on one line, which all readers of YAML take for this text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    if _QUOTABLE.fullmatch(text):
        return "'" + text.replace("'", "''") + "'"
    return dump_yaml([text]).removeprefix("- ").rstrip("\n")
