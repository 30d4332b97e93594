"""Find the names that the expressions of a template print, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jinja2 import nodes

from distgen.model.catalogue import TemplateFile
from distgen.model.words import KeyPath
from distgen.render.environment import make_sandbox, source_text

NamePattern = tuple[str | int | None, ...]
"""A key path in which None stands for any key or item."""
Names = Mapping[int, tuple[NamePattern, ...]]


def printed_names(file: TemplateFile) -> Names:
    """Return the key paths that each line prints; in a loop over sources, that is `sources.*.ref`.

    Parameters of macros have no path: what they stand for is known only where they are called.
    """
    template = make_sandbox({}).parse(source_text(file), filename=file.source)
    local_names = dict(_local_names(template))
    by_line: dict[int, dict[NamePattern, None]] = {}
    for output in template.find_all(nodes.Output):
        for expression in output.nodes:
            if not isinstance(expression, nodes.TemplateData):
                for path in _paths(expression):
                    names = by_line.setdefault(expression.lineno, {})
                    names.update(dict.fromkeys(_outer_paths(path, local_names)))
    return {line: tuple(paths) for line, paths in by_line.items()}


def _local_names(template: nodes.Template) -> Iterator[tuple[str, tuple[NamePattern, ...]]]:
    """Yield the variables of loops and `set`, with the paths that their values are from."""
    loops = ((node.target, node.iter, (None,)) for node in template.find_all(nodes.For))
    assignments = ((node.target, node.node, ()) for node in template.find_all(nodes.Assign))
    for target, value, item in (*loops, *assignments):
        for name in (target, *target.find_all(nodes.Name)):
            if isinstance(name, nodes.Name):
                yield name.name, tuple((*path, *item) for path in _paths(value))


def _outer_paths(
    path: NamePattern, local_names: Mapping[str, tuple[NamePattern, ...]], depth: int = 5
) -> Iterator[NamePattern]:
    """Yield a path with a local variable at its start replaced by what it is from."""
    if path[0] not in local_names or not depth:
        yield path
        return
    for outer in local_names[str(path[0])]:
        yield from _outer_paths((*outer, *path[1:]), local_names, depth - 1)


def _paths(expression: nodes.Node) -> Iterator[NamePattern]:
    """Yield the longest paths in an expression; of `a.b | join`, that is `a.b`."""
    path = _path(expression)
    if path:
        yield path
        return
    for child in expression.iter_child_nodes():
        yield from _paths(child)


_METHODS = frozenset(("items", "values", "keys", "get"))


def _path(node: nodes.Node) -> KeyPath:
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
        return _path(node.node.node) if node.node.attr in _METHODS else ()
    if isinstance(node, nodes.Getattr):
        above = _path(node.node)
        return (*above, node.attr) if above else ()
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        above = _path(node.node)
        return (*above, node.arg.value) if above else ()
    return ()
