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
    for body in _branches(template.body):
        at = next((at for at, node in enumerate(body) if isinstance(node, nodes.Extends)), None)
        if at is not None:
            return next(_printing_lines(body[at + 1 :]), None)
    return None


def _branches(body: list[nodes.Node]) -> Iterator[list[nodes.Node]]:
    """Yield the statements of a template, and those of each of its conditions."""
    yield body
    for node in body:
        if isinstance(node, nodes.If):
            for branch in (node.body, *(other.body for other in node.elif_), node.else_):
                yield from _branches(branch)


def _printing_lines(body: list[nodes.Node]) -> Iterator[int]:
    for node in body:
        if isinstance(node, nodes.Output):
            yield from _output_lines(node)
        elif isinstance(node, nodes.CallBlock):
            yield node.lineno
        elif isinstance(node, _SCOPES):
            yield from _printing_lines(list(node.iter_child_nodes()))


def _output_lines(output: nodes.Output) -> Iterator[int]:
    for piece in output.nodes:
        if not isinstance(piece, nodes.TemplateData):
            yield piece.lineno
        elif text := _TEXT.search(piece.data):
            yield piece.lineno + piece.data.count("\n", 0, text.start())
