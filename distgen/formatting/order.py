"""Puts the keys of maps into the order of their schema; comments above a key go with it."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import yaml

from distgen.formatting.key_order import listed_keys, places_below, places_of_item
from distgen.formatting.lines import LineKind, LineMap, map_lines
from distgen.formatting.tree import Entry, Node, YamlTree, join_lines
from distgen.schema.subschemas import Schema, alternatives

Places = tuple[Schema, ...]
_OF_FILE = re.compile(
    r"#!|# *(?:yaml-language-server:|\$schema|-\*-|vim?:|Copyright|\(c\)|SPDX-|Licen[cs]ed? under"
    r"|Licen[cs]e:|This (?:file|program|work) (?:is|was)|(?:auto)?generated (?:by|from|with))",
    re.IGNORECASE,
)
_OF_LICENSE = re.compile("copyright|licen[cs]e|generated", re.IGNORECASE)


def order_lines(tree: YamlTree, schema: Schema) -> str:
    """Return the text with the lines of its maps in the order of the schema."""
    lines = map_lines(tree)
    ordering = _Ordering(tree, lines, schema)
    places = tuple(alternatives((schema,), schema))
    numbers = ordering.order_value(tree.top, range(len(lines.lines)), places)
    return join_lines(lines.lines[number] for number in _apart_from_blocks(lines, numbers))


def order_flow_maps(tree: YamlTree, schema: Schema) -> str:
    """Return the text with its maps in braces, where they take one line, in the schema's order."""
    places = tuple(alternatives((schema,), schema))
    parts, at = [], 0
    for node, node_places in _outermost_flows(tree.top, places, schema):
        parts += [tree.text[at : node.start.index], _flow_text(tree, node, node_places, schema)]
        at = node.end.index
    return "".join((*parts, tree.text[at:]))


def _apart_from_blocks(lines: LineMap, numbers: Sequence[int]) -> Iterator[int]:
    """Leave out blank lines that came below a block of text with `+`, which would take them in."""
    greedy = {
        number
        for block in lines.blocks
        if "+" in block.signs
        for number in (block.header_line, *block.lines)
    }
    is_taken = False
    for number in numbers:
        is_taken = number in greedy or (is_taken and lines.kinds[number] is LineKind.BLANK)
        if number in greedy or not is_taken:
            yield number


@dataclass(frozen=True, slots=True)
class _EntryLines:
    key: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Ordering:
    tree: YamlTree
    lines: LineMap
    schema: Schema

    def order_value(self, node: Node | None, region: range, places: Places) -> tuple[int, ...]:
        """Return the numbers of the lines of `region`, where a value stands, in their new order."""
        if node is None or node.kind not in ("mapping", "sequence"):
            return tuple(region)
        first = self._above_first_key(node.entries[0].start.line, region.start)
        starts = [first, *self._later_starts(node, region)]
        end = self._end(node, region)
        entries = [
            self._order_entry(node, index, range(start, stop), places)
            for index, (start, stop) in enumerate(pairwise([*starts, end]))
        ]
        if node.kind == "mapping" and self._can_move(node):
            listed = listed_keys([entry.key for entry in entries], places)
            entries.sort(key=lambda entry: listed.index(entry.key) if listed else 0)
        moved = (number for entry in entries for number in entry.numbers)
        return (*range(region.start, first), *moved, *range(end, region.stop))

    def _order_entry(self, node: Node, index: int, part: range, places: Places) -> _EntryLines:
        entry = node.entries[index]
        if node.kind == "mapping":
            inner = places_below(places, entry.key, self.schema)
        else:
            inner = places_of_item(places, index, self.schema)
        # What stands behind the key or the dash in its line stays there.
        below = entry.start.line + 1
        is_beside = entry.value is not None and entry.value.entries and self._is_beside(entry)
        top = below - 1 if is_beside else below
        value = self.order_value(entry.value, range(top, part.stop), inner)
        return _EntryLines(entry.key, (*range(part.start, top), *value))

    @staticmethod
    def _is_beside(entry: Entry) -> bool:
        value = entry.value
        return value is not None and value.entries[0].start.line == entry.start.line

    def _above_first_key(self, key_line: int, top: int) -> int:
        """Return where the comments of the first key begin; those of the file stay on top."""
        number = key_line
        while number > top and self.lines.kinds[number - 1] is LineKind.COMMENT:
            number -= 1
        if any(kind is not LineKind.BLANK for kind in self.lines.kinds[:number]):
            return number
        texts = self.lines.lines[number:key_line]
        heads = [_OF_FILE.match(text) is not None for text in texts]
        if not any(heads):
            return number
        # Lines of a license begin in many ways.
        above = (
            is_head or _OF_LICENSE.search(text) for is_head, text in zip(heads, texts, strict=True)
        )
        return number + max(end for end, is_above in enumerate(above, 1) if is_above)

    def _later_starts(self, node: Node, region: range) -> Iterator[int]:
        column = node.entries[0].start.column
        for entry in node.entries[1:]:
            above = self.lines.content_before(entry.start.line, region.start) + 1
            yield self._end_of_comments(range(above, entry.start.line), column)

    def _end(self, node: Node, region: range) -> int:
        """Return the line below the last entry and the comments that are indented more."""
        above = self.lines.content_before(region.stop, region.start) + 1
        return self._end_of_comments(range(above, region.stop), node.entries[0].start.column)

    def _end_of_comments(self, between: range, column: int) -> int:
        """Return the line below the comments that belong to the entry above `between`."""
        end = between.start
        for number in between:
            if self.lines.kinds[number] is LineKind.COMMENT:
                if self.lines.indent(number) <= column:
                    break
                end = number + 1
        return end

    def _can_move(self, node: Node) -> bool:
        """Tell whether each key begins a line, and no alias would come above its anchor."""
        begins_lines = all(
            self.lines.indent(entry.start.line) == entry.start.column for entry in node.entries
        )
        return begins_lines and not _depends_on_order(self.tree, node)


def _depends_on_order(tree: YamlTree, node: Node) -> bool:
    """Tell whether an entry has an alias of another entry's anchor."""
    starts = [entry.start.index for entry in node.entries]
    tokens = [tree.tokens[number] for number in node.tokens]
    places = {
        token.value: bisect(starts, token.start_mark.index)
        for token in tokens
        if isinstance(token, yaml.AnchorToken)
    }
    return any(
        places.get(token.value) not in (None, bisect(starts, token.start_mark.index))
        for token in tokens
        if isinstance(token, yaml.AliasToken)
    )


def _outermost_flows(
    node: Node | None, places: Places, root: Schema
) -> Iterator[tuple[Node, Places]]:
    if node is None:
        return
    if node.kind.startswith("flow"):
        yield node, places
        return
    for index, entry in enumerate(node.entries):
        yield from _outermost_flows(entry.value, _inner(node, index, places, root), root)


def _inner(node: Node, index: int, places: Places, root: Schema) -> Places:
    if node.kind in ("mapping", "flow mapping"):
        return places_below(places, node.entries[index].key, root)
    return places_of_item(places, index, root)


def _flow_text(tree: YamlTree, node: Node, places: Places, root: Schema) -> str:
    """Return a collection in brackets or braces with the maps in it in order."""
    text, start, end = tree.text, node.start.index, node.end.index
    is_plain = node.kind.startswith("flow") and text[start] in "[{" and node.entries
    if not is_plain or node.start.line != node.end.line or _depends_on_order(tree, node):
        return text[start:end]
    items = _flow_items(tree, node, places, root)
    if node.kind == "flow mapping":
        keys = [entry.key for entry in node.entries]
        listed = listed_keys(keys, places)
        if listed:
            items = [items[keys.index(key)] for key in listed]
    return f"{text[start]}{', '.join(items)}{text[end - 1]}"


def _flow_items(tree: YamlTree, node: Node, places: Places, root: Schema) -> Sequence[str]:
    starts = [entry.start.index for entry in node.entries]
    items = []
    for index, (start, stop) in enumerate(pairwise([*starts, node.end.index - 1])):
        item = tree.text[start:stop].rstrip(" \t").removesuffix(",").rstrip(" \t")
        value = node.entries[index].value
        if value is not None and value.kind.startswith("flow") and value.entries:
            head = tree.text[start : value.start.index]
            item = head + _flow_text(tree, value, _inner(node, index, places, root), root)
        # A key without a value needs a blank behind its colon.
        items.append(f"{item} " if item.endswith(":") else item)
    return items
