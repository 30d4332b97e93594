"""Add to the files of an image those that its downstreams find in the repository itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from distgen.exports.repository_formats import REPOSITORY_FORMATS
from distgen.exports.repository_records import RepositoryFile
from distgen.model.catalogue import Image
from distgen.model.lock import Lock
from distgen.model.rendered import File, LineAnnotation
from distgen.model.words import Origin
from distgen.render.annotate import Annotations
from distgen.render.normalize import normalize, source_rows


def exported_files(
    image: Image, lock: Lock, paths: Collection[str]
) -> Mapping[str, RepositoryFile]:
    """Return the files of an image's formats by path; `paths` are its own, which win."""
    files = (
        file
        for settings in image.exports
        for file in REPOSITORY_FORMATS[settings.format].write(image, settings, lock)
    )
    return {file.path: file for file in files if not {file.path, *file.other_names} & {*paths}}


def render_exported(file: RepositoryFile) -> File:
    """Return a file with the header that names what asked for it."""
    return File(file.path, normalize(file.text, file.path, _header_origins(file)).encode())


def annotate_exported(file: RepositoryFile) -> Annotations:
    """Return for each line the line of the catalogue that asked for it."""
    rows = source_rows(file.text, file.path, _header_origins(file))
    return tuple(
        LineAnnotation("header") if row is None else LineAnnotation("setting", file.origins[row])
        for row in rows
    )


def exported_names(
    files: Mapping[str, RepositoryFile], present: Collection[str]
) -> Mapping[str, tuple[str, ...]]:
    """Return the paths of the files that are present, with the other names that count for them."""
    return {path: file.other_names for path, file in files.items() if path in present}


def _header_origins(file: RepositoryFile) -> str:
    paths: dict[str, Origin] = {origin.path: origin for origin in file.origins}
    return " and ".join(sorted(paths))
