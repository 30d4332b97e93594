"""Finds the overlays of a catalogue, formats each, and writes those that change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from distgen.catalogue.folder import list_folder, read_yaml_bytes
from distgen.catalogue.namespaces import FILE, FOLDER
from distgen.errors import DistgenError, InputError
from distgen.formatting.records import FormattedFile
from distgen.formatting.text import format_text
from distgen.model.words import Origin
from distgen.output.files import explain_os_errors, first_link, replace_file
from distgen.schema.packaged import load_schema


def list_overlays(root: Path) -> tuple[str, ...]:
    """Return the paths of all overlays below `root`, the folders of images left aside."""
    return tuple(
        file.path
        for namespace in list_folder(root, FOLDER)
        if namespace.is_folder and not namespace.name.startswith(".")
        for file in list_folder(root, namespace.path)
        if not file.is_folder and file.name.endswith(".yaml")
    )


def choose_overlays(root: Path, paths: Iterable[Path]) -> tuple[str, ...]:
    """Return the overlays that paths name, or that are in the folders they name.

    Raise InputError for a path that is none of this catalogue.
    """
    overlays = list_overlays(root)
    chosen: set[str] = set()
    for path in paths:
        place = Path(os.path.relpath(path, root)).as_posix()
        inside = {
            overlay
            for overlay in overlays
            if place in (".", overlay) or overlay.startswith(f"{place}/")
        }
        if not inside:
            raise InputError(_why_none(path), where=path, hint=f"name overlays of {root}")
        chosen |= inside
    return tuple(overlay for overlay in overlays if overlay in chosen)


def format_overlays(root: Path, paths: Iterable[str]) -> Iterator[FormattedFile]:
    """Yield each overlay as it is and as it would be; nothing is written."""
    for path in paths:
        try:
            content = read_yaml_bytes(root, path)
            if first_link(root, Path(path)) is not None:
                yield FormattedFile(path)  # what it leads to is formatted under its own name
                continue
            schema = load_schema("namespace" if path.endswith(f"/{FILE}") else "image")
            yield FormattedFile(path, content, format_text(content, path, schema))
        except DistgenError as problem:
            yield FormattedFile(path, problem=problem)


def write_overlay(root: Path, file: FormattedFile) -> FormattedFile:
    """Write an overlay whole or not at all, and return it; `problem` says why it was not."""
    if not file.is_changed:
        return file
    place = root / file.path
    try:
        with explain_os_errors(place):
            if not place.stat().st_mode & 0o222:
                raise DistgenError("is read-only", where=Origin(file.path))
            if place.read_bytes() != file.before:
                hint = "format it again"
                raise DistgenError("was changed meanwhile", where=Origin(file.path), hint=hint)
        replace_file(place, file.after.decode())
    except DistgenError as problem:
        return replace(file, problem=problem)
    return file


def _why_none(path: Path) -> str:
    if not path.exists():
        return "there is no such file"
    return "holds no overlays" if path.is_dir() else "is no overlay, and only those are formatted"
