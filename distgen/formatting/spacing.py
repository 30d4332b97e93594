"""Puts one space where YAML is free to have many, and double quotes where either would do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import yaml
from yaml.tokens import Token

from distgen.formatting.lines import LineKind, LineMap
from distgen.formatting.tree import YamlTree

_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.FlowEntryToken)
_OPENING = (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken)
_WITHOUT_WIDTH = (
    *(yaml.StreamStartToken, yaml.StreamEndToken, yaml.BlockMappingStartToken),
    *(yaml.BlockSequenceStartToken, yaml.BlockEndToken, yaml.KeyToken),
)
Replacement = tuple[int, int, str]


def space_tokens(tree: YamlTree) -> str:
    """Return the text with one style of spaces and quotes within its lines."""
    parts, at = [], 0
    for start, end, replacement in sorted((*_gaps(tree), *_quotes(tree))):
        parts += [tree.text[at:start], replacement]
        at = end
    return "".join((*parts, tree.text[at:]))


def strip_lines(lines: LineMap, texts: Sequence[str]) -> list[str]:
    """Return lines without blanks at their ends, where those mean nothing."""
    return [
        text
        if lines.kinds[number] is LineKind.BLOCK_TEXT or number in lines.unfinished
        else text.rstrip(" \t")
        for number, text in enumerate(texts)
    ]


def squeeze_blank_lines(lines: LineMap, texts: Sequence[str]) -> list[str]:
    """Return lines without blank ones at both ends, and with at most one in a row."""
    rows: list[str] = []
    is_blank = True
    for text, kind in zip(texts, lines.kinds, strict=True):
        was_blank, is_blank = is_blank, kind is LineKind.BLANK
        if not (is_blank and was_blank):
            rows.append(text)
    if is_blank and rows:
        rows.pop()
    return rows


def _gaps(tree: YamlTree) -> Iterator[Replacement]:
    visible = [token for token in tree.tokens if not isinstance(token, _WITHOUT_WIDTH)]
    for left, right in pairwise(visible):
        start, end = left.end_mark.index, right.start_mark.index
        between = tree.text[start:end]
        if left.end_mark.line != right.start_mark.line or between.strip(" \t"):
            continue
        if isinstance(left, yaml.ScalarToken) and left.style in ("|", ">"):
            continue  # its end is where the next line begins
        gap = _gap(left, right)
        if gap is not None and gap != between:
            yield start, end, gap


def _gap(left: Token, right: Token) -> str | None:
    """Return what stands between two tokens of one line, None where it stays as it is."""
    if isinstance(left, yaml.ValueToken) and isinstance(right, _CLOSING):
        return None
    if isinstance(left, _OPENING) or isinstance(right, (*_CLOSING, yaml.ValueToken)):
        return ""
    return " "


def _quotes(tree: YamlTree) -> Iterator[Replacement]:
    for token in tree.tokens:
        if not isinstance(token, yaml.ScalarToken) or token.style != "'":
            continue
        start, end = token.start_mark.index, token.end_mark.index
        inner = tree.text[start + 1 : end - 1]
        if inner.isprintable() and not any(character in inner for character in "'\"\\"):
            yield start, end, f'"{inner}"'
