"""A rendered file with the origin beside each line, as `git blame` shows one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distgen.catalogue.value_origins import ValueOrigins
from distgen.errors import InputError, printable
from distgen.lint.work import Work
from distgen.model.catalogue import Image
from distgen.render.unidiff import split_lines
from distgen.text.suggest import did_you_mean


def annotate_file(work: Work, image: Image, path: str) -> dict[str, Any]:
    """Return the JSON object of a file: for each line what it is, and where it is from."""
    lines = read_lines(work, image, path)
    annotations = work.renderer.annotate(image, path)
    value_origins = ValueOrigins(work.catalogue, work.lock, image)
    return {
        "image": image.full_name,
        "stream": image.stream.name,
        "path": path,
        "lines": [
            {
                "line": number,
                "text": text,
                "kind": annotation.kind,
                "origin": str(annotation.origin) if annotation.origin else None,
                "values": [
                    {"key": setter.key, "origin": str(setter.origin)}
                    for setter in value_origins.find_origins(annotation.values)
                ],
            }
            for number, (text, annotation) in enumerate(zip(lines, annotations, strict=True), 1)
        ],
    }


def read_lines(work: Work, image: Image, path: str) -> list[str]:
    """Return the lines of a rendered file; raise InputError where the image has none such."""
    tree = work.renderer.tree(image)
    file = next((file for file in tree.files if file.path == path), None)
    if file is None:
        names = [rendered_file.path for rendered_file in tree.files]
        hint = did_you_mean(path, names) or f"it has {', '.join(names)}"
        raise InputError(f"the tree has no file {path!r}", where=image.key, hint=hint)
    return [line.decode("utf-8", "replace").rstrip("\r\n") for line in split_lines(file.content)]


def format_annotations(row: Mapping[str, Any], *, with_name: bool) -> str:
    """Print each line behind its origin, and below it the values on it and who set them."""
    place_width = max((len(_place(line)) for line in row["lines"]), default=0)
    number_width = len(str(len(row["lines"])))
    printed = [f"{row['image']}@{row['stream']} {row['path']}"] if with_name else []
    margin = " " * (place_width + number_width + 4)
    for line in row["lines"]:
        place, number = f"{_place(line):{place_width}}", f"{line['line']:{number_width}}"
        printed.append(f"{place}  {number}) {line['text']}")
        printed += (f"{margin}^ {value['key']}  {value['origin']}" for value in line["values"])
    return printable("\n".join(text.rstrip() for text in printed))


def _place(line: Mapping[str, Any]) -> str:
    """Name where a line is from; what no template wrote says what it is."""
    if line["kind"] in ("header", "blank", "unknown"):
        return f"({line['kind']})"
    return f"patch {line['origin']}" if line["kind"] == "patch" else str(line["origin"])
