"""Reads the overlay of each image: its file and its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distgen.catalogue.folder import read_document, read_folder
from distgen.catalogue.namespaces import FOLDER
from distgen.catalogue.patches import PATCHES
from distgen.catalogue.records import ImageFiles, Overlay
from distgen.catalogue.settings import values_layer
from distgen.catalogue.template_files import TESTS, template_file
from distgen.catalogue.verbatim import is_verbatim, split_verbatim, verbatim_file
from distgen.errors import InputError
from distgen.exports.repository_formats import REPOSITORY_FORMATS
from distgen.model.catalogue import Layer, TemplateFile
from distgen.model.words import Origin
from distgen.schema.check import check_document
from distgen.schema.formats import format_problem
from distgen.schema.packaged import validator_of

_SPEC = (
    *("template", "description", "from", "builders", "sources", "downloads", "on_edit"),
    *("platforms", *REPOSITORY_FORMATS),
)


def read_overlay(root: Path, namespace: str, name: str, has_folder: bool) -> Overlay:
    """Read overlays/NAMESPACE/NAME.yaml and the folder of the same name."""
    path = f"{FOLDER}/{namespace}/{name}.yaml"
    if problem := format_problem("name", name):
        raise InputError(f"`{name}` {problem}", where=Origin(path), hint="rename the file")
    document = read_document(root, path)
    data = check_document(validator_of("image"), document)
    streams = data.get("streams")
    by_stream = streams if isinstance(streams, dict) else {}
    folder = f"{FOLDER}/{namespace}/{name}"
    return Overlay(
        namespace=namespace,
        name=name,
        extends=data.get("extends"),
        streams=None if streams is None else tuple(streams),
        spec=Layer("image", path, _spec(data), document.marks),
        stream_specs={
            stream: Layer("image stream", path, _spec(keys), document.marks, ("streams", stream))
            for stream, keys in by_stream.items()
            if keys
        },
        values=values_layer("image", document, ()),
        stream_values={
            stream: values_layer("image stream", document, ("streams", stream))
            for stream, keys in by_stream.items()
            if keys and keys.get("values")
        },
        folder=read_image_files(root, folder) if has_folder else ImageFiles(),
        document=document,
    )


def _spec(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: data[key] for key in _SPEC if key in data}


def read_image_files(root: Path, folder: str) -> ImageFiles:
    """Read the folder of an image."""
    files, verbatim = split_verbatim(read_folder(root, folder, _image_file))
    patches = tuple(file for file in files if file.path.startswith(PATCHES))
    for file in patches:
        if not file.source.endswith(".patch"):
            raise InputError(
                "is not a patch; a folder `patches` holds *.patch only",
                where=Origin(file.source),
                hint="rename it or move it out",
            )
    tests = tuple(file for file in files if file.path == TESTS)
    others = tuple(file for file in files if file not in (*patches, *tests))
    return ImageFiles(others, patches, tests, verbatim)


def _image_file(folder: str, path: str, content: bytes, executable: bool) -> TemplateFile:
    is_copied = is_verbatim(path.removeprefix(f"{folder}/"))
    make_file = verbatim_file if is_copied else template_file
    return make_file(folder, path, content, executable)
