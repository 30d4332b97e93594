"""Writes YAML that readers of version 1.1 and of version 1.2 take for the same data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from yaml import SafeDumper as _FastestDumper
else:
    _FastestDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

# Text that PyYAML, which knows 1.1, writes bare, and that the core schema of 1.2 takes for a number
# (https://yaml.org/spec/1.2.2/#1032-tag-resolution). Readers differ about underscores.
_NUMBER = re.compile(
    r"^(?:[-+]?(?:\.[0-9_]+|[0-9_]+(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|0o[0-7]+|0x[0-9a-fA-F]+)$"
)
_NUMBER_STARTS = list("-+.0123456789")
# Truth values in 1.1 (https://yaml.org/type/bool.html), which PyYAML alone leaves out; Kubernetes
# reads them as such.
_TRUTH = re.compile(r"^[yYnN]$")
# They end a line in 1.1 and do not in 1.2.
_BREAKS = re.compile("[\x85\u2028\u2029]")
_DEPTH = 3  # the levels whose items are written one after the other


class PortableDumper(yaml.SafeDumper):
    """PyYAML's dumper, which also quotes what only YAML 1.2 takes for something else than text.

    It writes the items of large documents one after the other. PyYAML makes nodes of all data
    first, and those of a pipeline of 50,000 images took a gigabyte. So what several items share is
    written for each, and keys are never sorted in the first levels.
    """

    def represent(self, data: Any) -> None:
        """Write a document."""
        self.emit(yaml.DocumentStartEvent(explicit=self.use_explicit_start))
        self._write(data, 0)
        self.emit(yaml.DocumentEndEvent(explicit=self.use_explicit_end))
        self.last_anchor_id = 0

    def _write(self, data: Any, depth: int) -> None:
        if depth < _DEPTH and type(data) is dict and data:
            self.emit(yaml.MappingStartEvent(None, None, True, flow_style=self.default_flow_style))
            for key, value in data.items():
                self._write(key, _DEPTH)
                self._write(value, depth + 1)
            self.emit(yaml.MappingEndEvent())
        elif depth < _DEPTH and type(data) is list and data:
            self.emit(yaml.SequenceStartEvent(None, None, True, flow_style=self.default_flow_style))
            for item in data:
                self._write(item, depth + 1)
            self.emit(yaml.SequenceEndEvent())
        else:
            self._write_node(self.represent_data(data))

    def _write_node(self, node: yaml.Node) -> None:
        self.anchor_node(node)
        self.serialize_node(node, None, None)
        for known in (self.represented_objects, self.serialized_nodes, self.anchors):
            known.clear()
        self.object_keeper.clear()


class FastPortableDumper(_FastestDumper):
    """The same in C where PyYAML has that; it folds and indents a little differently."""


def _represent_text(dumper: Any, text: str) -> yaml.ScalarNode:
    style = '"' if _BREAKS.search(text) else None
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


class LiteralText(str):
    """Text of several lines that is written as it is, in a block of its own; a script, say."""

    __slots__ = ()


def _represent_literal(dumper: Any, text: LiteralText) -> yaml.ScalarNode:
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")
    return node


for _dumper in (PortableDumper, FastPortableDumper):
    _dumper.add_representer(str, _represent_text)
    _dumper.add_representer(LiteralText, _represent_literal)
    _dumper.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, _NUMBER_STARTS)
    _dumper.add_implicit_resolver("tag:yaml.org,2002:bool", _TRUTH, list("yYnN"))


def dump_yaml(data: Any, width: int = 10**6) -> str:
    """Return data as YAML in block style, keys in their order, non-ASCII text as it is."""
    return dump_documents([data], width)


def dump_documents(documents: Iterable[Any], width: int) -> str:
    """Return several documents of YAML in one text."""
    text: str = yaml.dump_all(
        documents,
        Dumper=PortableDumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=width,
    )
    return text


def dump_sorted(data: Any) -> str:
    """Return data as YAML, keys sorted; for large data."""
    text: str = yaml.dump(data, Dumper=FastPortableDumper, allow_unicode=True, width=10**6)
    return text
