"""Refuse what settings of Kolla, or links in folders of images, read beside the catalogue's files.

A job's clone holds more than those: its .git/config may hold a token, and its machine other
secrets. Only the command line may name a place outside of the catalogue.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from distgen.catalogue.folder import refuse_far_link
from distgen.catalogue.imported import SourceRequest
from distgen.catalogue.inputs import LINKABLE
from distgen.errors import InputError
from distgen.model.words import Origin

_COMMAND_LINE = "--set"
LARGEST_FILE = 16 * 2**20
"""The most bytes of a file that settings name."""


def refuse_far_setting(request: SourceRequest, name: str) -> None:
    """Refuse a file or folder that settings name, unless the catalogue holds it.

    Links on the way may lead into templates/ and overlays/, and stay within the folder named first.
    """
    layer, origin = _written_in(request, _option_that_names(request, name))
    path = _path_in_catalogue(request.root, name)
    if any(part.lower() == ".git" for part in _parts_below(request.root, request.root / name)):
        raise InputError(f"{name} leads into a git repository", where=origin, hint="copy it")
    if path is not None:
        refuse_far_link(request.root, path, (*LINKABLE, path.partition("/")[0]))
    elif layer != _COMMAND_LINE:
        hint = f"copy it into the catalogue, or name it with {_COMMAND_LINE}"
        raise InputError(f"{name} lies outside the catalogue", where=origin, hint=hint)


def refuse_far_links(root: Path, folder: Path, files: Mapping[str, Path]) -> None:
    """Refuse links in a folder of images that lead to other files than the catalogue's.

    In a folder outside of the catalogue they stay within the folder.
    """
    path, real_folder = _path_in_catalogue(root, str(folder)), folder.resolve()
    for name, file in files.items():
        if not file.is_file():  # reading a pipe would wait for a writer
            raise InputError("is not a file", where=file, hint="remove it")
        if file.resolve() == real_folder / name:
            continue
        if path is None:
            refuse_far_link(folder, name, ("",))
        else:
            refuse_far_link(root, f"{path}/{name}", (*LINKABLE, path.partition("/")[0]))


def _path_in_catalogue(root: Path, name: str) -> str | None:
    """Return the path of what a setting names, None where it lies outside, links not followed."""
    for top in (root, root.resolve()):
        place = os.path.relpath(os.path.normpath(top / name), top)
        if Path(place).parts[:1] != (os.pardir,):
            return "" if place == os.curdir else place
    return None


def _parts_below(root: Path, place: Path) -> tuple[str, ...]:
    """Return the parts of a place's real path, without those of a catalogue that holds it."""
    real_root, real_place = root.resolve(), place.resolve()
    if real_place.is_relative_to(real_root):
        return real_place.relative_to(real_root).parts
    return real_place.parts


def _option_that_names(request: SourceRequest, name: str) -> str:
    """Return the option that names a file; what no option names stands in files of kolla_conf."""
    for option, value in request.options.items():
        if name in map(str, value if isinstance(value, list | tuple) else [value]):
            return option
    return "kolla_conf"


def _written_in(request: SourceRequest, option: str) -> tuple[str, Origin]:
    """Return the layer that wrote an option last, and its line."""
    for layer in reversed(request.layers):
        if keys := {option, f"{option}+", f"{option}-"} & layer.values.keys():
            return layer.name, layer.origin((keys.pop(),))
    return "", request.origin
