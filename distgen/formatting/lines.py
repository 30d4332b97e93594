"""Tells of each line of a YAML text what stands in it: code, comments, or a part of a text."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import yaml

from distgen.formatting.tree import YamlTree, split_lines

_HEADER = re.compile(r"[|>](?P<signs>[-+1-9]*)")
_FLOW_STARTS = (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
_FLOW_ENDS = (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


class LineKind(Enum):
    """What a line is; INNER is a part of something that began in a line above."""

    CODE = "code"
    INNER = "inner"
    BLOCK_TEXT = "block text"
    COMMENT = "comment"
    BLANK = "blank"

    @property
    def is_content(self) -> bool:
        return self not in (LineKind.COMMENT, LineKind.BLANK)


@dataclass(frozen=True, slots=True)
class BlockText:
    """A text of several lines behind `|` or `>`; `indent` is the column where its lines begin."""

    header_line: int
    lines: range
    indent: int
    signs: str

    @property
    def has_own_indent(self) -> bool:
        return any(sign.isdigit() for sign in self.signs)


@dataclass(frozen=True, slots=True)
class LineMap:
    """The lines of a text with their kinds; a quoted text goes on after `unfinished` lines.

    `contents` are the numbers of the lines that are neither comments nor blank.
    """

    lines: tuple[str, ...]
    kinds: tuple[LineKind, ...]
    blocks: tuple[BlockText, ...]
    unfinished: frozenset[int]
    contents: tuple[int, ...]

    def indent(self, number: int) -> int:
        """Return the column of the first character of a line that is not blank."""
        return leading_spaces(self.lines[number])

    def content_before(self, number: int, first: int = 0) -> int:
        """Return the last line with content above a line, `first - 1` where there is none."""
        place = bisect_left(self.contents, number)
        return max(self.contents[place - 1] if place else -1, first - 1)

    def content_after(self, number: int) -> int | None:
        """Return the next line with content below a line."""
        below = bisect_right(self.contents, number)
        return self.contents[below] if below < len(self.contents) else None


def map_lines(tree: YamlTree) -> LineMap:
    """Return what each line of a tree's text is."""
    lines = tuple(split_lines(tree.text))
    blocks = tuple(_block_texts(tree, lines))
    kinds = [_kind_of_alone(line) for line in lines]
    unfinished: set[int] = set()
    for first, last, is_quoted in _spans(tree):
        kinds[first + 1 : last + 1] = [LineKind.INNER] * (last - first)
        if is_quoted:
            unfinished.update(range(first, last))
    for block in blocks:
        for number in block.lines:
            kinds[number] = LineKind.BLOCK_TEXT
    contents = tuple(number for number, kind in enumerate(kinds) if kind.is_content)
    return LineMap(lines, tuple(kinds), blocks, frozenset(unfinished), contents)


def leading_spaces(line: str) -> int:
    """Return how many spaces a line begins with."""
    return len(line) - len(line.lstrip(" "))


def _kind_of_alone(line: str) -> LineKind:
    text = line.strip()
    if not text:
        return LineKind.BLANK
    return LineKind.COMMENT if text.startswith("#") else LineKind.CODE


def _spans(tree: YamlTree) -> Iterator[tuple[int, int, bool]]:
    """Yield first and last line of what is written over several lines, and whether in quotes."""
    starts: list[int] = []
    for token in tree.tokens:
        first, last = token.start_mark.line, token.end_mark.line
        if isinstance(token, _FLOW_STARTS):
            starts.append(first)
        elif isinstance(token, _FLOW_ENDS):
            yield starts.pop(), last, False
        elif isinstance(token, yaml.ScalarToken) and token.style not in ("|", ">"):
            yield first, last, bool(token.style)


def _block_texts(tree: YamlTree, lines: tuple[str, ...]) -> Iterator[BlockText]:
    for token in tree.tokens:
        if not isinstance(token, yaml.ScalarToken) or token.style not in ("|", ">"):
            continue
        header = _HEADER.match(tree.text, token.start_mark.index)
        signs = header["signs"] if header else ""
        first, end = token.start_mark.line + 1, token.end_mark.line
        texts = [number for number in range(first, end) if lines[number].strip(" ")]
        if texts and not any(sign.isdigit() for sign in signs):
            indent = leading_spaces(lines[texts[0]])
        else:
            indent = min((leading_spaces(lines[number]) for number in texts), default=0)
        while "+" not in signs and end > first and len(lines[end - 1]) <= indent:
            if lines[end - 1].strip(" "):
                break
            end -= 1
        yield BlockText(token.start_mark.line, range(first, end), indent, signs)
