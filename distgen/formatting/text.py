"""Formats the text of one overlay, and proves that it says the same as before."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import Any

import yaml

from distgen.errors import DistgenError, InputError
from distgen.formatting.indent import indent_lines
from distgen.formatting.key_order import means_the_same
from distgen.formatting.lines import map_lines
from distgen.formatting.order import order_flow_maps, order_lines
from distgen.formatting.spacing import space_tokens, squeeze_blank_lines, strip_lines
from distgen.formatting.tree import YamlTree, join_lines, parse_tree, scan_tokens, split_lines
from distgen.schema.scalars import resolve_scalars
from distgen.schema.subschemas import Schema
from distgen.schema.yaml import read_yaml

_COMMENT = re.compile(r"#[^\n]*")
_HEADER = re.compile(r"[|>][-+1-9]*")


def format_text(content: bytes, path: str, schema: Schema) -> bytes:
    """Return the content of a file in the order of a schema, and in one style.

    Raise InputError for what cannot be read or is left alone, with file and line; raise
    DistgenError for a result that would not mean the same.
    """
    document = read_yaml(content, path)
    text = re.sub("\r\n?", "\n", content.decode("utf-8-sig"))
    tree = parse_tree(_end_last_line(text, path), path)
    comments = _comments(tree)
    before = resolve_scalars(document.data, schema)
    try:
        result = _reformat(tree, schema)
        problem = _find_loss(result, before, comments, schema)
    except InputError:  # of the result, which nobody wrote
        result, problem = content, "not be read any more"
    if problem:
        raise DistgenError(f"is left as it is: formatted, it would {problem}", where=path)
    return result


def _reformat(tree: YamlTree, schema: Schema) -> bytes:
    tree = parse_tree(_without_markers(tree), "")
    tree = parse_tree(order_flow_maps(tree, schema), "")
    tree = parse_tree(order_lines(tree, schema), "")
    return _style(tree).encode()


def _find_loss(result: bytes, before: Any, comments: Counter[str], schema: Schema) -> str:
    """Return what would be lost with this result, "" where nothing is."""
    after = resolve_scalars(read_yaml(result, "").data, schema)
    comments_after = _comments(parse_tree(result.decode(), ""))
    if not means_the_same(before, after, schema):
        return "not mean the same"
    return "" if comments_after == comments else "lose a comment"


def _end_last_line(text: str, path: str) -> str:
    """Return a text with a newline at its end, which must not become one of a block of text."""
    if not text or text.endswith("\n"):
        return text
    scalars = [token for token in scan_tokens(text, path) if isinstance(token, yaml.ScalarToken)]
    if scalars and scalars[-1].style in ("|", ">") and scalars[-1].end_mark.index == len(text):
        start = scalars[-1].start_mark.index
        header = _HEADER.match(text, start)
        if header:
            signs = re.sub("[-+]", "", header.group())
            text = f"{text[:start]}{signs}-{text[header.end() :]}"
    return f"{text}\n"


def _without_markers(tree: YamlTree) -> str:
    """Return the text without the lines `---` and `...`, of which one document needs none.

    A blank line stands for `---` below comments, for those above it are about the file.
    """
    marked = {
        token.start_mark.line
        for token in tree.tokens
        if isinstance(token, yaml.DocumentStartToken | yaml.DocumentEndToken)
    }
    lines = []
    for number, line in enumerate(split_lines(tree.text)):
        if number not in marked or line.rstrip() not in ("---", "..."):
            lines.append(line)
        elif number > 0 and line.startswith("-"):
            lines.append("")
    return join_lines(lines)


def _style(tree: YamlTree) -> str:
    lines = map_lines(tree)
    texts = split_lines(space_tokens(tree))
    texts = indent_lines(tree, lines, strip_lines(lines, texts))
    return join_lines(squeeze_blank_lines(lines, texts))


def _comments(tree: YamlTree) -> Counter[str]:
    """Return the comments of a text, with how often each is there."""
    comments: Counter[str] = Counter()
    for left, right in pairwise(tree.tokens):
        between = tree.text[left.end_mark.index : right.start_mark.index]
        comments.update(comment.rstrip() for comment in _COMMENT.findall(between))
    for token in tree.tokens:
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            start = token.start_mark.index
            header = tree.text[start : tree.text.index("\n", start)]
            comments.update(comment.rstrip() for comment in _COMMENT.findall(header))
    return comments
