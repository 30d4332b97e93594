"""Turns YAML text into a tree of the places where its collections and scalars stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import yaml
from yaml.tokens import Token

from distgen.errors import InputError
from distgen.model.words import Origin

# They end a line in YAML 1.1, which the reader follows, and are text in 1.2.
_OLD_BREAKS = "\x85\u2028\u2029"
_NOTHING = (yaml.StreamEndToken, yaml.DocumentEndToken, yaml.BlockEndToken)
_FLOW_STARTS = (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
_FLOW_ENDS = (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
Kind = Literal["mapping", "sequence", "flow mapping", "flow sequence", "scalar", "alias"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value, or an item of a list; `start` is where the key or the dash stands."""

    start: yaml.Mark
    key: str
    value: Node | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value; `tokens` are the range of those it is written with."""

    kind: Kind
    start: yaml.Mark
    end: yaml.Mark
    tokens: range
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class YamlTree:
    """A YAML text, its tokens in their order, and its top value, if it has one."""

    text: str
    tokens: tuple[Token, ...]
    top: Node | None


def parse_tree(text: str, path: str) -> YamlTree:
    """Return the tree of a text that the strict reader takes.

    Raise InputError with file and line for what that reader takes and nobody formats.
    """
    _refuse_old_breaks(text, path)
    tokens = scan_tokens(text, path)
    for token in tokens:
        if problem := _rare_syntax(text, token):
            mark = token.start_mark
            where = Origin(path, mark.line + 1, mark.column + 1)
            raise InputError(f"is not formatted: {problem}", where=where)
    parser = _TreeParser(tokens)
    return YamlTree(text, tokens, parser.read_top())


def scan_tokens(text: str, path: str) -> tuple[Token, ...]:
    """Return the tokens of a text, with the marks of PyYAML's own scanner.

    That in C, which reads catalogues, counts places differently, and takes more tabs.
    """
    try:
        return tuple(yaml.scan(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = Origin(path, mark.line + 1, mark.column + 1) if mark else Origin(path)
        raise InputError(f"is not formatted: {error.problem}", where=where) from None


def split_lines(text: str) -> list[str]:
    """Return the lines of a text, of which each has an end, as the marks of tokens count them."""
    return text.split("\n")[:-1]


def join_lines(lines: Iterable[str]) -> str:
    """Return a text of lines, each with its end."""
    return "".join(f"{line}\n" for line in lines)


def _refuse_old_breaks(text: str, path: str) -> None:
    for number, line in enumerate(split_lines(text), 1):
        for character in _OLD_BREAKS:
            if character in line:
                raise InputError(
                    f"is not formatted: it holds the line separator U+{ord(character):04X}",
                    where=Origin(path, number, line.index(character) + 1),
                    hint="write it as an escape in double quotes",
                )


def _rare_syntax(text: str, token: Token) -> str:
    if isinstance(token, yaml.DirectiveToken):
        return "it begins with a directive; remove it"
    if isinstance(token, yaml.KeyToken):
        if token.end_mark.index > token.start_mark.index:
            return "`? ` begins a key; write `key: value`"
        if text.startswith("*", token.start_mark.index):
            return "a key is an alias; write the key out"
    return ""


class _TreeParser:
    """Reads tokens one after the other into a tree."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0

    def read_top(self) -> Node | None:
        while isinstance(self._next, yaml.StreamStartToken | yaml.DocumentStartToken):
            self._at += 1
        return self._read_value()

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _read_value(self) -> Node | None:
        """Return the value that begins here, None where nothing is written."""
        first = self._at
        while isinstance(self._next, yaml.AnchorToken | yaml.TagToken):
            self._at += 1
        token = self._next
        kind: Kind
        if isinstance(token, yaml.BlockMappingStartToken):
            kind, entries = "mapping", tuple(self._read_block_entries())
        elif isinstance(token, yaml.BlockSequenceStartToken | yaml.BlockEntryToken):
            kind, entries = "sequence", tuple(self._read_items())
        elif isinstance(token, _FLOW_STARTS):
            is_mapping = isinstance(token, yaml.FlowMappingStartToken)
            kind = "flow mapping" if is_mapping else "flow sequence"
            entries = tuple(self._read_flow_entries())
        elif isinstance(token, yaml.ScalarToken | yaml.AliasToken):
            kind, entries = "scalar" if isinstance(token, yaml.ScalarToken) else "alias", ()
            self._at += 1
        else:  # nothing, or an anchor of nothing
            return None
        start, end = self._tokens[first].start_mark, self._tokens[self._at - 1].end_mark
        return Node(kind, start, end, range(first, self._at), entries)

    def _read_block_entries(self) -> Iterator[Entry]:
        self._at += 1
        while not isinstance(self._next, _NOTHING):
            yield self._read_pair()
        self._at += 1

    def _read_pair(self) -> Entry:
        start = self._next.start_mark
        if isinstance(self._next, yaml.KeyToken):
            self._at += 1
        key = self._read_key()
        if not isinstance(self._next, yaml.ValueToken):
            return Entry(start, key, None)
        self._at += 1
        return Entry(start, key, self._read_value())

    def _read_key(self) -> str:
        node = self._read_value()
        token = self._tokens[node.tokens[-1]] if node else None
        return token.value if isinstance(token, yaml.ScalarToken) else ""

    def _read_items(self) -> Iterator[Entry]:
        # A list may stand in the column of its key; then no token begins or ends it.
        has_end = isinstance(self._next, yaml.BlockSequenceStartToken)
        self._at += has_end
        while isinstance(self._next, yaml.BlockEntryToken):
            start = self._next.start_mark
            self._at += 1
            is_empty = isinstance(self._next, yaml.BlockEntryToken)
            yield Entry(start, "", None if is_empty else self._read_value())
        self._at += has_end

    def _read_flow_entries(self) -> Iterator[Entry]:
        self._at += 1
        while not isinstance(self._next, _FLOW_ENDS):
            if isinstance(self._next, yaml.FlowEntryToken):
                self._at += 1
            elif isinstance(self._next, yaml.KeyToken):
                yield self._read_pair()
            else:
                start = self._next.start_mark
                value = self._read_value()
                if value is None:
                    raise InputError("is not formatted: a bracket is not closed")
                yield Entry(start, "", value)
        self._at += 1
