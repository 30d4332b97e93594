"""Find what a template prints outside of blocks though it extends another: Jinja drops it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import nodes

DROPPED = (
    "what stands here is dropped: a template that extends another prints its blocks only; "
    "move it into a block, or remove it"
)
_SCOPES = (nodes.For, nodes.If, nodes.With, nodes.FilterBlock, nodes.ScopedEvalContextModifier)
_TEXT = re.compile("[^\\s\U000f0000-\U0010ffff]")  # no marks of the line map either


def dropped_line(template: nodes.Template) -> int | None:
    """Return the first line that a template loses, None where it loses none.

    What stands beside a condition around `extends` is for the other case, and is printed there.
    """
    return min(_dropped_lines(template.body), default=None)


def _dropped_lines(body: list[nodes.Node]) -> Iterator[int]:
    for at, node in enumerate(body):
        for branch in _branches(node):
            yield from _dropped_lines(branch)
        if _always_extends(node):
            yield from _printing_lines(body[at + 1 :])
            return


def _branches(node: nodes.Node) -> list[list[nodes.Node]]:
    """Return the statements of each case of a condition, those of `else` last."""
    if not isinstance(node, nodes.If):
        return []
    return [node.body, *(other.body for other in node.elif_), node.else_]


def _always_extends(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Extends):
        return True
    branches = _branches(node)
    return bool(branches) and all(any(map(_always_extends, branch)) for branch in branches)


def _printing_lines(body: list[nodes.Node]) -> Iterator[int]:
    for node in body:
        if isinstance(node, nodes.Output):
            yield from _output_lines(node)
        elif isinstance(node, nodes.CallBlock):
            yield node.lineno
        elif isinstance(node, _SCOPES):
            # Jinja defines a block in a condition, loop or scope, whatever stands around it.
            yield from [node.lineno] if node.find(nodes.Block) else []
            yield from _printing_lines(list(node.iter_child_nodes()))


def _output_lines(output: nodes.Output) -> Iterator[int]:
    for piece in output.nodes:
        if not isinstance(piece, nodes.TemplateData):
            yield piece.lineno
        elif text := _TEXT.search(piece.data):
            yield piece.lineno + piece.data.count("\n", 0, text.start())
