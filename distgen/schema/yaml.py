"""Turns YAML text into data in which every key knows its line and column."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from distgen.errors import InputError
from distgen.model.words import KeyPath, Origin
from distgen.schema.scalar import Scalar

if TYPE_CHECKING:
    from yaml import SafeLoader as _FastestLoader
else:
    _FastestLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_DEEPEST = 40
_PLAIN, _QUOTED, _COLLECTION = "plain", "quoted", "collection"
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BOOLEANS = {"true": True, "True": True, "TRUE": True}
_BOOLEANS |= {"false": False, "False": False, "FALSE": False}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HINTS = (
    ("mapping values are not allowed", "put text that holds `: ` in quotes"),
    ("unexpected ':'", "put text that holds `:` and a bracket in quotes"),
    ("expected ',' or '}'", "put text that holds a brace in quotes"),
    ("cannot start any token", "put the text in quotes"),
)


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file: `data` with a `Scalar` for each bare number or boolean, `marks` for each key."""

    path: str
    data: dict[str, Any] = field(repr=False)
    marks: dict[KeyPath, tuple[int, int]] = field(repr=False)

    def origin(self, key: KeyPath = ()) -> Origin:
        """Return the line of `key`, or of the nearest key above it."""
        while key and key not in self.marks:
            key = key[:-1]
        return Origin(self.path, *self.marks.get(key, (1, 1)))


def read_yaml(text: str | bytes, path: str) -> Document:
    """Read one strict YAML 1.2 mapping; an empty file is an empty mapping.

    Refused: duplicate and merge keys, explicit tags, second documents, bytes that are not UTF-8,
    aliases that multiply. Raise InputError with the line and column.
    """
    text = _decode(text, path)
    node = _compose(text, path)
    target = _Target(path, {(): (1, 1)}, 4 * len(text) + 1000)
    data = {} if node is None else _built(node, (), target)
    if not isinstance(data, dict):
        problem = f"holds {_KINDS.get(type(data), 'text')} where `key: value` lines are expected"
        raise InputError(problem, where=Origin(path, 1, 1))
    return Document(path, data, target.marks)


def read_value(text: str, where: str) -> Any:
    """Read one YAML value, such as the right side of `--set KEY=VALUE`."""
    node = _compose(_decode(text, where), where)
    return None if node is None else _built(node, (), _Target(where, {}, 4 * len(text) + 1000))


_KINDS: dict[type, str] = {list: "a list", Scalar: "a number or boolean", type(None): "nothing"}


class _Untyped(_FastestLoader):
    """Composes nodes with a tag that says only how they were written: explicit tags show."""

    def resolve(self, kind: type, value: object, implicit: object) -> str:
        if kind is not yaml.ScalarNode:
            return _COLLECTION
        return _PLAIN if isinstance(implicit, tuple) and implicit[0] else _QUOTED

    def descend_resolver(self, current_node: object, current_index: object) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Target:
    path: str
    marks: dict[KeyPath, tuple[int, int]]
    most: int


def _decode(text: str | bytes, path: str) -> str:
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise InputError("is not UTF-8 text", where=Origin(path, line)) from None
    bad = _UNPRINTABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - text.rfind("\n", 0, bad.start())
        raise InputError(
            f"holds the unprintable character U+{ord(bad.group()):04X}",
            where=Origin(path, line, column),
            hint='write it as an escape in double quotes, such as "\\u001b"',
        )
    return text


def _compose(text: str, path: str) -> yaml.Node | None:
    loader = _Untyped(text)
    try:
        _refuse_depth(text, path)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _as_input_error(error, text, path) from None
    except yaml.YAMLError as error:
        raise InputError(f"is not YAML: {error}", where=Origin(path)) from None
    finally:
        loader.dispose()


def _refuse_depth(text: str, path: str) -> None:
    # Composing recurses on the C stack, which 30,000 open brackets overflow. Each level takes a
    # bracket or a column, so ordinary files are spared the second pass.
    if text.count("[") + text.count("{") + max(map(len, text.split("\n"))) < 2000:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Untyped):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise InputError("is nested too deeply", where=Origin(path, line))


def _as_input_error(error: yaml.MarkedYAMLError, text: str, path: str) -> InputError:
    # A file with a merge conflict fails somewhere below the markers; the markers are the mistake.
    conflict = re.search(r"^<{7} ", text, re.MULTILINE)
    if conflict:
        line = text.count("\n", 0, conflict.start()) + 1
        return InputError("holds a merge conflict", where=Origin(path, line), hint="resolve it")
    mark = error.problem_mark or error.context_mark
    place = Origin(path, mark.line + 1, mark.column + 1) if mark else Origin(path)
    problem = f"{error.problem or error.context}"
    if "single document" in f"{error.context}":
        return InputError("a second YAML document begins here", where=place, hint="keep one")
    hint = next((hint for part, hint in _HINTS if part in problem), "")
    if mark and re.match(rf"(?:.*\n){{{mark.line}}}.{{{mark.column}}}\t", text):
        hint = "indent with spaces, not tabs"
    return InputError(f"is not YAML: {problem}", where=place, hint=hint)


def _place(path: str, node: yaml.Node) -> Origin:
    return Origin(path, node.start_mark.line + 1, node.start_mark.column + 1)


def _built(node: yaml.Node, at: KeyPath, target: _Target) -> Any:
    if len(at) > _DEEPEST:
        raise InputError("is nested too deeply", where=_place(target.path, node))
    # Ten lines of aliases that name each other ten times make 10^10 values.
    if len(target.marks) > target.most:
        problem = "the aliases of this file repeat too much"
        raise InputError(problem, where=Origin(target.path, 1, 1), hint="write it out")
    if node.tag not in (_PLAIN, _QUOTED, _COLLECTION):
        raise InputError(
            f"the tag `{node.tag}` is not read here",
            where=_place(target.path, node),
            hint="leave it out: the schema says what a value is",
        )
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, at, target)
    if isinstance(node, yaml.SequenceNode):
        return [_item(item, (*at, index), target) for index, item in enumerate(node.value)]
    return node.value if node.tag == _QUOTED else _plain(node.value)


def _item(node: yaml.Node, at: KeyPath, target: _Target) -> Any:
    target.marks[at] = (node.start_mark.line + 1, node.start_mark.column + 1)
    return _built(node, at, target)


def _mapping(node: yaml.MappingNode, at: KeyPath, target: _Target) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = _key(key_node, target.path)
        full = (*at, key)
        if key in data:
            raise InputError(
                f"the key `{key}` is defined twice, first in line {target.marks[full][0]}",
                where=_place(target.path, key_node),
                hint="remove one",
            )
        target.marks[full] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        data[key] = _built(value_node, full, target)
    return data


def _key(node: yaml.Node, path: str) -> str:
    problem = ""
    if not isinstance(node, yaml.ScalarNode) or node.tag not in (_PLAIN, _QUOTED):
        problem = "a key must be plain text"
    elif node.tag == _PLAIN and node.value in _NULLS:
        problem = "a key is empty"
    elif node.tag == _PLAIN and node.value == "<<":
        problem = "merge keys (`<<`) are not read"
    if problem:
        raise InputError(problem, where=_place(path, node), hint="write the key out")
    return str(node.value)


def _plain(text: str) -> Any:
    """Resolve a bare scalar by the YAML 1.2 core schema, but keep what JSON cannot hold as text."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return Scalar(_BOOLEANS[text], text)
    if len(text) > 300:  # int() refuses thousands of digits
        return text
    if _INTEGER.fullmatch(text):
        return Scalar(int(text, 0 if text[:2] in ("0o", "0x") else 10), text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return Scalar(float(text), text)
    return text
