"""Write what a rendering gave as bytes, and read it: a header in JSON, and contents behind it."""

from __future__ import annotations

import json
import struct
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from distgen.errors import DistgenError, InputError
from distgen.model.rendered import File, LineAnnotation, PrintedText, PrintedValue, Tree
from distgen.model.words import Origin
from distgen.render.annotate import Annotations
from distgen.render.linemap import Origins

_SIZES = struct.Struct(">QQ")
PREFIX = _SIZES.size
"""The bytes before each answer, which say how long it is."""
_SHARED_SIZE = 2**16


class RenderQuestion(NamedTuple):
    """What is asked of a renderer: a method of it, the key of an image, a path in its tree."""

    method: Literal["tree", "line_map", "printed", "annotate", "input_files"]
    image: str
    path: str = ""


def encode_question(question: RenderQuestion) -> bytes:
    """Write a question as a line."""
    return json.dumps(question).encode() + b"\n"


def decode_question(line: bytes) -> RenderQuestion:
    """Read a question."""
    return RenderQuestion(*json.loads(line))


def read_prefix(prefix: bytes) -> tuple[int, int]:
    """Return how long the header and the contents of an answer are."""
    header, contents = _SIZES.unpack_from(prefix)
    return header, contents


def encode_tree(tree: Tree) -> bytes:
    """Write a tree as an answer."""
    files = [(file.path, file.mode, len(file.content)) for file in tree.files]
    header = [tree.image, tree.stream, files, tree.bases, tree.sources, tree.folding]
    header.append(tree.exported)
    return _frame({"tree": header}, b"".join(file.content for file in tree.files))


def decode_tree(header: bytes, contents: bytes) -> Tree:
    """Read a tree; raise the error that stands there instead."""
    image, stream, rows, bases, sources, folding, exported = _load(header)["tree"]
    files, start = [], 0
    for path, mode, size in rows:
        make_file = _shared_file if size <= _SHARED_SIZE else File
        files.append(make_file(path, contents[start : start + size], mode))
        start += size
    names = {path: tuple(others) for path, others in exported.items()}
    return Tree(image, stream, tuple(files), bases, sources, folding, names)


@lru_cache(maxsize=256)
def _shared_file(path: str, content: bytes, mode: int) -> File:
    """Return a file; those of thousands of images are often the same, and are there once then."""
    return File(path, content, mode)


def encode_origins(origins: Origins) -> bytes:
    """Write the origins of lines as an answer."""
    return _frame({"origins": [origin and _place(origin) for origin in origins]})


def decode_origins(header: bytes) -> Origins:
    """Read the origins of lines; raise the error that stands there instead."""
    return tuple(place and Origin(*place) for place in _load(header)["origins"])


def encode_printed(printed: PrintedText) -> bytes:
    """Write what expressions print as an answer."""
    values = [_value(value) for value in printed.values]
    return _frame({"printed": [printed.text, values]})


def decode_printed(header: bytes) -> PrintedText:
    """Read what expressions print; raise the error that stands there instead."""
    text, rows = _load(header)["printed"]
    return PrintedText(text, tuple(map(_read_value, rows)))


def encode_annotations(lines: Annotations) -> bytes:
    """Write what lines are as an answer."""
    rows = [
        (line.kind, line.origin and _place(line.origin), [_value(value) for value in line.values])
        for line in lines
    ]
    return _frame({"annotations": rows})


def decode_annotations(header: bytes) -> Annotations:
    """Read what lines are; raise the error that stands there instead."""
    return tuple(
        LineAnnotation(kind, place and Origin(*place), tuple(map(_read_value, values)))
        for kind, place, values in _load(header)["annotations"]
    )


def encode_paths(paths: tuple[str, ...]) -> bytes:
    """Write paths as an answer."""
    return _frame({"paths": paths})


def decode_paths(header: bytes) -> tuple[str, ...]:
    """Read paths; raise the error that stands there instead."""
    return tuple(_load(header)["paths"])


def encode_announcement(place: str) -> bytes:
    """Write that a template begins, in place of an answer that is to follow."""
    return _frame({"begun": place})


def announced_place(header: bytes) -> str | None:
    """Return the template that begins, None for an answer."""
    place: str | None = json.loads(header).get("begun")
    return place


def encode_data(data: bytes) -> bytes:
    """Write data as an answer."""
    return _frame({}, data)


def raise_error(header: bytes) -> None:
    """Raise the error of an answer, if it is one."""
    _load(header)


def encode_error(error: DistgenError) -> bytes:
    """Write a sentence as an answer."""
    where = error.where
    place = _place(where) if isinstance(where, Origin) else where and str(where)
    is_input = isinstance(error, InputError)
    return _frame({"error": [is_input, error.problem, place, error.hint]})


def _value(value: PrintedValue) -> list[Any]:
    return [value.text, value.start, _place(value.origin)]


def _read_value(row: list[Any]) -> PrintedValue:
    text, start, place = row
    return PrintedValue(text, start, Origin(*place))


def _place(origin: Origin) -> list[Any]:
    return [origin.path, origin.line, origin.column]


def _frame(answer: dict[str, Any], contents: bytes = b"") -> bytes:
    header = json.dumps(answer).encode()
    return _SIZES.pack(len(header), len(contents)) + header + contents


def _load(header: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(header)
    if "error" in answer:
        is_input, problem, place, hint = answer["error"]
        where = Origin(*place) if isinstance(place, list) else place
        raise (InputError if is_input else DistgenError)(problem, where=where, hint=hint)
    return answer
