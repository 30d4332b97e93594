"""Find the names that the expressions of a template print, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TypeVar

from jinja2 import nodes

from distgen.errors import InputError
from distgen.model.catalogue import TemplateFile
from distgen.model.words import KeyPath
from distgen.render.environment import make_sandbox, source_text
from distgen.render.errors import FAILURES

NamePattern = tuple[str | int | None, ...]
"""A key path in which None stands for any key or item."""
Names = Mapping[int, tuple[NamePattern, ...]]
NodeKind = TypeVar("NodeKind", bound=nodes.Node)


Locals = Mapping[str, frozenset[NamePattern]]
"""What the variables of a template's own are made of: those of loops, `set` and macros."""
_DEEPEST = 200
_MOST_PATHS = 20
_ROUNDS = 3
"""How many macros may hand a parameter on to the next."""


@lru_cache(maxsize=100)
def printed_names(files: tuple[TemplateFile, ...]) -> Mapping[str, Names]:
    """Return by file the key paths that each line prints: `sources.*.ref` in a loop over sources.

    A parameter of a macro stands for all that any of the files calls the macro with.
    """
    parsed_files = ((file.source, _parse(file)) for file in files)
    templates = {source: template for source, template in parsed_files if template}
    parameters: Locals = {}
    for _ in range(_ROUNDS):
        calls = [
            call
            for template in templates.values()
            for call in _calls(template, _locals(template, parameters))
        ]
        parameters = _merge(
            (parameter, paths)
            for template in templates.values()
            for macro in _find_all(template, nodes.Macro)
            for name, argument, paths in calls
            if name == macro.name
            for parameter in _parameter(macro, argument)
        )
    return {
        source: _names_by_line(template, _locals(template, parameters))
        for source, template in templates.items()
    }


@lru_cache(maxsize=1000)
def _parse(file: TemplateFile) -> nodes.Template | None:
    """Parse a template, None where that fails: the image may not even read it."""
    try:
        template = make_sandbox({}).parse(source_text(file), filename=file.source)
    except (*FAILURES, InputError):
        return None
    return template if _is_shallow(template) else None


@lru_cache(maxsize=10_000)
def _find_all(template: nodes.Template, kind: type[NodeKind]) -> tuple[NodeKind, ...]:
    """Return the nodes of a kind; a shared template is asked again for each image."""
    return tuple(template.find_all(kind))


def _is_shallow(template: nodes.Template) -> bool:
    """Tell whether the interpreter can follow a template: a sum of 5,000 terms is as deep."""
    level: list[nodes.Node] = [template]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in node.iter_child_nodes()]
    return not level


def _names_by_line(template: nodes.Template, local_names: Locals) -> Names:
    by_line: dict[int, dict[NamePattern, None]] = {}
    for output in _find_all(template, nodes.Output):
        for expression in output.nodes:
            if not isinstance(expression, nodes.TemplateData):
                names = by_line.setdefault(expression.lineno, {})
                names.update(dict.fromkeys(_resolve(expression, local_names)))
    return {line: tuple(paths) for line, paths in by_line.items()}


def _calls(
    template: nodes.Template, local_names: Locals
) -> Iterator[tuple[str, int | str, frozenset[NamePattern]]]:
    """Yield what macros are called with: the macro, which argument, and the paths in it."""
    for call in _find_all(template, nodes.Call):
        name = call.node.attr if isinstance(call.node, nodes.Getattr) else ""
        name = call.node.name if isinstance(call.node, nodes.Name) else name
        for index, value in enumerate(call.args):
            yield name, index, frozenset(_resolve(value, local_names))
        for item in call.kwargs:
            yield name, item.key, frozenset(_resolve(item.value, local_names))


def _parameter(macro: nodes.Macro, argument: int | str) -> Iterator[str]:
    names = [name.name for name in macro.args]
    if isinstance(argument, str):
        yield from (name for name in names if name == argument)
    elif argument < len(names):
        yield names[argument]


def _locals(template: nodes.Template, parameters: Locals) -> Locals:
    """Return the variables of loops and `set`, and the parameters of the template's macros."""
    loops = ((node.target, node.iter, (None,)) for node in _find_all(template, nodes.For))
    assignments = ((node.target, node.node, ()) for node in _find_all(template, nodes.Assign))
    variables = [
        (name.name, frozenset((*path, *item) for path in _paths(value)))
        for target, value, item in (*loops, *assignments)
        for name in (target, *target.find_all(nodes.Name))
        if isinstance(name, nodes.Name)
    ]
    names = {name.name for macro in _find_all(template, nodes.Macro) for name in macro.args}
    return _merge([*variables, *((name, parameters[name]) for name in names if name in parameters)])


def _merge(pairs: Iterable[tuple[str, frozenset[NamePattern]]]) -> Locals:
    merged: dict[str, frozenset[NamePattern]] = {}
    for name, paths in pairs:
        merged[name] = merged.get(name, frozenset()) | paths
    # A name that may be anything says nothing, and following all of it could take for ever.
    return {name: paths for name, paths in merged.items() if len(paths) <= _MOST_PATHS}


def _resolve(expression: nodes.Node, local_names: Locals) -> Iterator[NamePattern]:
    """Yield the paths in an expression with local variables replaced by what they are from."""
    for path in _paths(expression):
        yield from _outer_paths(path, local_names, _ROUNDS)


def _outer_paths(path: NamePattern, local_names: Locals, depth: int) -> Iterator[NamePattern]:
    if path[0] not in local_names or not depth:
        yield path
        return
    for outer in sorted(local_names[str(path[0])], key=str):
        # A parameter is often called like what it stands for.
        inner_depth = 0 if outer[0] == path[0] else depth - 1
        yield from _outer_paths((*outer, *path[1:]), local_names, inner_depth)


@lru_cache(maxsize=10_000)
def _paths(expression: nodes.Node) -> tuple[NamePattern, ...]:
    """Return the longest paths in an expression; of `a.b | join`, that is `a.b`."""
    path = _path(expression)
    if path:
        return (path,)
    return tuple(path for child in expression.iter_child_nodes() for path in _paths(child))


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
