"""Indents the lines of YAML: two columns for each level, and lists below their key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from distgen.formatting.lines import BlockText, LineKind, LineMap, leading_spaces
from distgen.formatting.tree import Node, YamlTree

_STEP = 2


@dataclass(frozen=True, slots=True)
class _Level:
    """The lines of one block collection: where it is, and where it goes."""

    lines: range
    column: int
    target: int


Chain = tuple[_Level, ...]
"""The collections that a line is in, the innermost last."""


def indent_lines(tree: YamlTree, lines: LineMap, texts: list[str]) -> list[str]:
    """Return `texts`, the lines of a tree with new contents, moved to their columns."""
    chains = _chains(tree, len(texts))
    indented = list(texts)
    for number, kind in enumerate(lines.kinds):
        if kind in (LineKind.CODE, LineKind.INNER):
            indented[number] = _shift(texts[number], _line_shift(lines, chains, number))
        elif kind is LineKind.COMMENT:
            column = _comment_column(lines, chains, number)
            indented[number] = " " * column + texts[number].lstrip(" \t")
        elif kind is LineKind.BLANK:
            indented[number] = ""
    for block in lines.blocks:
        level = chains[block.header_line][-1]
        for number in block.lines:
            indented[number] = _shift_block_line(texts[number], block, level)
    return indented


def _chains(tree: YamlTree, count: int) -> list[Chain]:
    chains: list[Chain] = [()] * count
    for level in _levels(tree.top, range(count), 0):
        for number in level.lines:
            chains[number] = (*chains[number], level)
    return chains


def _line_shift(lines: LineMap, chains: Sequence[Chain], number: int) -> int:
    """Return by how much a line moves: as the collection whose key or dash begins it."""
    chain = chains[number]
    if not chain:
        return 0
    level = chain[-1]
    if lines.kinds[number] is LineKind.CODE:
        column = lines.indent(number)
        beginning = [level for level in chain if level.column == column]
        level = beginning[-1] if beginning else level
    return level.target - level.column


def _comment_column(lines: LineMap, chains: Sequence[Chain], number: int) -> int:
    """Return where a comment goes: beside what it stands above, else below what it ends."""
    column = lines.indent(number)
    previous = chains[max(0, lines.content_before(number))]
    below = lines.content_after(number)
    if below is not None:
        next_column = lines.indent(below)
        is_deeper = not previous or next_column > previous[-1].column
        if column <= next_column or is_deeper:
            return next_column + _line_shift(lines, chains, below)
    around = [level for level in previous if level.column <= column]
    if not around:
        return 0
    shifted = around[-1].target + column - around[-1].column
    deeper = previous[len(around) :]
    return min(shifted, deeper[0].target) if deeper else shifted


def _levels(node: Node | None, region: range, target: int) -> Iterator[_Level]:
    """Yield the block collections of a value, outer ones first."""
    if node is None or node.kind not in ("mapping", "sequence"):
        return
    first = node.entries[0].start
    yield _Level(range(first.line, region.stop), first.column, target)
    starts = [entry.start.line for entry in node.entries]
    for entry, stop in zip(node.entries, [*starts[1:], region.stop], strict=True):
        yield from _levels(entry.value, range(entry.start.line, stop), target + _STEP)


def _shift(text: str, shift: int) -> str:
    if not text.strip():
        return ""
    return " " * max(0, leading_spaces(text) + shift) + text.lstrip(" ")


def _shift_block_line(text: str, block: BlockText, level: _Level) -> str:
    if not text.strip(" ") and len(text) <= block.indent:
        return ""
    if block.has_own_indent:
        return _pad(text, level.target - level.column)
    return _pad(text, level.target + _STEP - block.indent)


def _pad(text: str, shift: int) -> str:
    return " " * shift + text if shift >= 0 else text[-shift:]
