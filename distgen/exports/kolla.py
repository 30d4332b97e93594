"""Turn images into the lists that `kolla-build` prints, sorted, and with every root."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from distgen.errors import DistgenError, InputError
from distgen.exports.records import ExportFormat, ExportResult, FormatOption, Selection
from distgen.model.catalogue import Image
from distgen.model.rendered import File
from distgen.text.suggest import did_you_mean

Children = Mapping[str, list[str]]
_DOT_ID = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*|-?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)")
_DOT_KEYWORDS = {"node", "edge", "graph", "digraph", "subgraph", "strict"}


def write_kolla(selection: Selection) -> ExportResult:
    """Return the list, tree or graph of a selection as kolla-build would print or save it."""
    shape = selection.options.get("shape", "") or "images"
    if shape not in SHAPES:
        raise InputError(
            f"{shape!r} is not a shape", where="--shape", hint=did_you_mean(shape, SHAPES)
        )
    if not selection.images:
        raise DistgenError("no image matches", hint="the catalogue has none")
    names = _names(selection.images)
    children: dict[str, list[str]] = {name: [] for name in sorted(names.values())}
    roots = []
    for image in selection.images:
        parent = image.base.image if image.base else None
        if parent in names:
            children[names[parent]].append(names[image.key])
        else:
            roots.append(names[image.key])
    for below in children.values():
        below.sort()
    file_name, format_shape = SHAPES[shape]
    return ExportResult((File(file_name, format_shape(children, sorted(roots)).encode()),))


def _names(images: tuple[Image, ...]) -> dict[str, str]:
    """Return the name of each image by its key.

    Kolla has one namespace and one stream; a selection with more says which each image is of.
    """
    has_namespaces = len({image.namespace for image in images}) > 1
    has_streams = len({image.stream.name for image in images}) > 1
    return {
        image.key: (image.full_name if has_namespaces else image.name)
        + (f"@{image.stream.name}" if has_streams else "")
        for image in images
    }


def format_images(children: Children, roots: list[str]) -> str:
    """Return what `kolla-build --list-images` prints."""
    return "".join(f"{number} : {name}\n" for number, name in enumerate(children, 1))


def format_dependencies(children: Children, roots: list[str]) -> str:
    """Return what `kolla-build --list-dependencies` prints, and a newline."""
    # Not by the json module, which recurses: a chain of a few hundred images would be too long.
    lines = ["{"]
    pending: list[tuple[str, int, str]] = [("}", 0, "")]
    pending.extend(_siblings(roots, 2))
    is_root = set(roots)
    while pending:
        word, indent, comma = pending.pop()
        blank = " " * indent
        below = children.get(word)
        if below is None:
            lines.append(f"{blank}{word}{comma}")
        elif word in is_root:
            lines.append(f'{blank}"{word}": [{"" if below else "]" + comma}')
            pending.extend(_list_of(below, indent, comma) if below else ())
        elif below:
            lines.append(f'{blank}{{\n{blank}  "{word}": [')
            pending.append(("}", indent, comma))
            pending.extend(_list_of(below, indent + 2, ""))
        else:
            lines.append(f'{blank}"{word}"{comma}')
    return "\n".join(lines) + "\n"


def _list_of(names: list[str], indent: int, comma: str) -> list[tuple[str, int, str]]:
    return [("]", indent, comma), *_siblings(names, indent + 2)]


def _siblings(names: list[str], indent: int) -> list[tuple[str, int, str]]:
    """Return names of one list, last first, as they are taken from the end."""
    last = len(names) - 1
    return [(names[i], indent, "," if i < last else "") for i in range(last, -1, -1)]


def format_graph(children: Children, roots: list[str]) -> str:
    """Return what `kolla-build --save-dependency` writes."""
    parents = {child: name for name, names_below in children.items() for child in names_below}
    lines = ["// Container Images Dependency", "digraph {", "rankdir=LR"]
    for name in children:
        lines.append(f"\t{_quote(name)}")
        if name in parents:
            lines.append(f"\t{_quote(parents[name])} -> {_quote(name)}")
    return "\n".join([*lines, "}"]) + "\n"


def _quote(name: str) -> str:
    is_bare = _DOT_ID.fullmatch(name) and name.lower() not in _DOT_KEYWORDS
    return name if is_bare else f'"{name}"'


SHAPES: Mapping[str, tuple[str, Callable[[Children, list[str]], str]]] = {
    "images": ("images.txt", format_images),
    "dependencies": ("dependencies.json", format_dependencies),
    "graph": ("dependencies.dot", format_graph),
}
FORMAT = ExportFormat(
    name="kolla",
    place="beside",
    summary="What kolla-build prints of images: their list, their tree or their graph.",
    write=write_kolla,
    file_name="images.txt",
    no_match_exit_code=1,
    options=(
        FormatOption(
            "shape",
            "SHAPE",
            "`images` (default), `dependencies` or `graph`: what `kolla-build` prints with "
            "`--list-images` and `--list-dependencies`, and writes with `--save-dependency`.",
        ),
    ),
)
