"""Write the files of an export into a folder, beside files that are not ours to touch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from distgen.errors import DistgenError
from distgen.model.rendered import File
from distgen.model.words import EXECUTABLE
from distgen.output.files import (
    explain_os_errors,
    first_link,
    remove_empty_folders,
    replace_file,
)
from distgen.output.tree import Delta

RECORD = ".distgen-export.json"
"""Says which files each format wrote, with the SHA-256 of each; two while they are replaced."""
Hashes = dict[str, list[str]]


def compare_export(folder: Path, name: str, files: Sequence[File]) -> Delta:
    """Return what writing the files of a format would change in a folder; reads only.

    A file is foreign where no export wrote what is in it.
    """
    records = _read_records(folder)
    hashes = records.get(name, {})
    foreign_paths = {
        path for format_name, paths in records.items() if format_name != name for path in paths
    }
    delta = Delta(folder)
    for file in files:
        content = _content(folder, file.path)
        if content is None:
            delta = replace(delta, added=(*delta.added, file.path))
        elif content == (file.content, file.mode == EXECUTABLE):
            continue
        elif file.path not in foreign_paths and _hash(content[0]) in hashes.get(file.path, ()):
            delta = replace(delta, changed=(*delta.changed, file.path))
        else:
            delta = replace(delta, foreign=(*delta.foreign, file.path))
    paths = {file.path for file in files}
    return replace(delta, removed=tuple(_leftovers(folder, hashes, paths)))


def write_export(folder: Path, name: str, files: Sequence[File]) -> Delta:
    """Write the files of a format and delete those it no longer has; return what changed."""
    delta = compare_export(folder, name, files)
    if delta.foreign:
        raise DistgenError(
            f"{folder / delta.foreign[0]} was not written by distgen, or was edited since",
            hint="move it away, or choose another folder",
        )
    records = _read_records(folder)
    new = {file.path: [file.sha256] for file in files}
    if not delta and records.get(name, {}) == new:
        return delta
    old = records.get(name, {})
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # After a kill the next run still knows both versions as its own.
        both = {path: [*old.get(path, []), *new.get(path, [])] for path in {*old, *new}}
        _write_records(folder, {**records, name: both})
        _move_files(folder, delta, {file.path: file for file in files})
        _write_records(folder, {**records, name: new})
    return delta


def _move_files(folder: Path, delta: Delta, files: Mapping[str, File]) -> None:
    for path in delta.removed:
        (folder / path).unlink()
        remove_empty_folders(folder, path)
    for path in (*delta.added, *delta.changed):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        stage = target.with_name(f".{target.name}.{os.getpid()}.new")
        try:
            stage.write_bytes(files[path].content)
            if files[path].mode == EXECUTABLE:
                stage.chmod(stage.stat().st_mode | 0o111)
            stage.replace(target)
        finally:
            stage.unlink(missing_ok=True)


def _leftovers(folder: Path, hashes: Hashes, paths: set[str]) -> list[str]:
    """Return the files that were written before, are as written, and are no longer wanted."""
    leftovers = []
    for path in sorted({*hashes} - paths):
        content = _content(folder, path)
        if content is not None and _hash(content[0]) in hashes[path]:
            leftovers.append(path)
    return leftovers


def _content(folder: Path, path: str) -> tuple[bytes, bool] | None:
    """Return the bytes of a file and whether it is executable, None where there is none."""
    _refuse_links(folder, path)
    target = folder / path
    with explain_os_errors(target):
        if not target.exists():
            return None
        return target.read_bytes(), os.access(target, os.X_OK)


def _refuse_links(folder: Path, path: str) -> None:
    """Raise DistgenError for a symbolic link on the way: it could lead out of the folder."""
    if link := first_link(folder, Path(path)):
        raise DistgenError(
            f"{link} is a symbolic link, which is not followed", hint="remove it first"
        )


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_records(folder: Path) -> dict[str, Hashes]:
    path = folder / RECORD
    if not path.exists():
        return {}
    _refuse_links(folder, RECORD)
    with explain_os_errors(path):
        text = path.read_bytes()
    try:
        data: Any = json.loads(text)
        records = {str(name): dict(paths) for name, paths in data["formats"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DistgenError("is not as distgen wrote it", where=path, hint="remove it") from None
    return {name: _clean(paths) for name, paths in records.items()}


def _clean(paths: Mapping[str, Any]) -> Hashes:
    """Return the entries that name a path below the folder; others could delete files elsewhere."""
    return {
        path: [str(text) for text in hashes]
        for path, hashes in paths.items()
        if isinstance(hashes, list) and not path.startswith("/") and ".." not in Path(path).parts
    }


def _write_records(folder: Path, records: Mapping[str, Hashes]) -> None:
    formats = {name: dict(sorted(records[name].items())) for name in sorted(records)}
    text = json.dumps({"version": 1, "formats": formats}, indent=2) + "\n"
    replace_file(folder / RECORD, text)
