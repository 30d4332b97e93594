"""The build matrix: what any engine needs to build images, as JSON; other formats start here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from distgen.exports.records import ExportFormat, ExportResult, MatrixEntry, Selection
from distgen.model.catalogue import Image
from distgen.model.rendered import File

FILE = "matrix.json"


def make_entries(
    steps: Sequence[Sequence[Image]], commits: Mapping[str, str]
) -> tuple[MatrixEntry, ...]:
    """Return the entries of images, which come in `steps` that each need only earlier ones."""
    levels = {image.key: level for level, step in enumerate(steps) for image in step}
    return tuple(
        MatrixEntry(
            image=image.full_name,
            stream=image.stream.name,
            repository=image.public_url,
            branch=image.stream.branch,
            commit=commits.get(image.key, ""),
            path=".",
            reference=image.reference,
            tags=image.stream.tags,
            platforms=image.platforms,
            depends_on=tuple(dict.fromkeys(key for key in image.parent_keys if key in levels)),
            level=levels[image.key],
        )
        for step in steps
        for image in step
    )


def format_entry(entry: MatrixEntry) -> dict[str, Any]:
    """Return an entry as JSON has it; platforms that nobody named are left out."""
    row: dict[str, Any] = {
        "image": entry.image,
        "stream": entry.stream,
        "repository": entry.repository,
        "branch": entry.branch,
        "commit": entry.commit,
        "path": entry.path,
        "reference": entry.reference,
        "tags": list(entry.tags),
        "platforms": list(entry.platforms),
        "depends_on": list(entry.depends_on),
        "level": entry.level,
    }
    return {key: value for key, value in row.items() if key != "platforms" or value}


def write_matrix(selection: Selection) -> ExportResult:
    """Return the matrix of a selection."""
    text = json.dumps([format_entry(entry) for entry in selection.entries], indent=2) + "\n"
    return ExportResult((File(FILE, text.encode()),))


FORMAT = ExportFormat(
    name="matrix",
    place="beside",
    summary="The build matrix as JSON, for an engine that has no format of its own here.",
    write=write_matrix,
    needs=frozenset({"commits"}),
    file_name=FILE,
)
