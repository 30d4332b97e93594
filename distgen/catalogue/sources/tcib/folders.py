"""Read the folders of tcib: each that holds YAML is an image, built on the next one above it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from distgen.catalogue.bounded import read_bounded
from distgen.errors import InputError
from distgen.model.words import KeyPath, Origin
from distgen.text.suggest import did_you_mean

LARGEST_FILE = 4 * 2**20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SUFFIXES = ("yaml", "yml")


@dataclass(frozen=True, slots=True)
class TcibFile:
    """A YAML file as Ansible reads it; `path` is its name in messages."""

    path: str
    text: str
    data: Mapping[str, Any]

    def origin(self, key: KeyPath) -> Origin:
        """Return the line of a key, or of the nearest one above it."""
        node: Any = yaml.compose(self.text, Loader=_LOADER)
        line = 0
        for part in key:
            step = _child(node, part)
            if step is None:
                break
            line, node = step
        return Origin(self.path, line + 1)


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The folder of an image; `parent` is "" for one that is built on the external base.

    `options` are the merge of the files' keys, later files win.
    """

    name: str
    path: str
    parent: str
    documents: tuple[TcibFile, ...]

    @property
    def options(self) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for document in self.documents:
            merged |= document.data
        return merged

    def origin(self, key: KeyPath) -> Origin:
        """Return the line that sets a key of the image."""
        holders = [document for document in self.documents if key[0] in document.data]
        return holders[-1].origin(key) if holders else Origin(self.documents[0].path)


def read_yaml_file(path: Path, name: str) -> TcibFile:
    """Read a YAML file that holds a map; `name` is its name in messages."""
    try:
        text = read_bounded(path, name, LARGEST_FILE).decode()
        data = yaml.load(text, Loader=_LOADER)
    except UnicodeDecodeError:
        raise InputError("is not UTF-8", where=name) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = Origin(name, mark.line + 1, mark.column + 1) if mark else name
        problem = getattr(error, "problem", None) or str(error)
        raise InputError(f"is not YAML: {problem}", where=where) from None
    if data is not None and not isinstance(data, dict):
        raise InputError("does not hold a map", where=Origin(name, 1))
    return TcibFile(name, text, {str(key): value for key, value in (data or {}).items()})


def read_folders(folder: Path, name: str, known_keys: frozenset[str]) -> dict[str, ImageFolder]:
    """Return the folders of all images below `folder` by their names, parents first.

    `name` is the name of the folder in messages. Raise InputError for a key that tcib does not
    have, and where two folders have one name.
    """
    folders: dict[str, ImageFolder] = {}
    for image in _walk(folder, name, ""):
        if image.name in folders:
            raise InputError(
                f"there is another folder of this name: {folders[image.name].path}",
                where=image.path,
                hint="rename one",
            )
        for document in image.documents:
            _refuse_unknown_keys(document, known_keys)
        folders[image.name] = image
    return folders


def _walk(folder: Path, name: str, parent: str) -> Iterator[ImageFolder]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=name) from None
    for entry in entries:
        if entry.is_symlink():
            raise InputError("is a link", where=f"{name}/{entry.name}", hint="copy what it is to")
    files = [entry.name for entry in entries if entry.is_file()]
    names = [file for file in files if file.endswith(_SUFFIXES)]
    documents = tuple(read_yaml_file(folder / file, f"{name}/{file}") for file in names)
    image = ImageFolder(folder.name, name, parent, documents)
    if any(document.data for document in documents) and parent is not None:
        yield image
        parent = image.name
    for entry in entries:
        if entry.is_dir() and entry.name != ".git":
            yield from _walk(folder / entry.name, f"{name}/{entry.name}", parent)


def _refuse_unknown_keys(document: TcibFile, known_keys: frozenset[str]) -> None:
    for key in document.data:
        if key not in known_keys:
            raise InputError(
                f"tcib has no key `{key}`",
                where=document.origin((key,)),
                hint=did_you_mean(key, known_keys) or "name variables of your own in `extras`",
            )


def _child(node: Any, part: str | int) -> tuple[int, Any] | None:
    """Return the line and the node of a key in a map, or of an item in a list."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line, node.value[part]
    return None
