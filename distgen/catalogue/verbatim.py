"""Tells where a file below an image's folder `verbatim` goes, and how a file is kept there.

Files there are those of a repository as it is: nothing is rendered. A catalogue is a git repository
itself, and its folders hold what editors leave: so some names carry a suffix, `.raw`, and a
symbolic link is a file `*.link` of what it leads to.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import replace

from distgen.catalogue.template_files import is_leftover
from distgen.errors import InputError
from distgen.model.catalogue import TemplateFile
from distgen.model.words import MANIFEST, Origin

VERBATIM = "verbatim"
_RAW, _LINK = ".raw", ".link"
# git reads them in each folder of the catalogue, too: files would be left out or converted.
_NAMES_OF_GIT = {".gitignore", ".gitattributes", ".gitmodules"}


def verbatim_folder(stream: str = "") -> str:
    """Return the folder, in that of an image, of the files of all streams, or of one."""
    return f"{VERBATIM}@{stream}" if stream else VERBATIM


def is_verbatim(path: str) -> bool:
    """Tell whether a path in the folder of an image is below `verbatim` or `verbatim@STREAM`."""
    folder, slash, _ = path.partition("/")
    return bool(slash) and (folder == VERBATIM or folder.startswith(f"{VERBATIM}@"))


def verbatim_file(folder: str, path: str, content: bytes, executable: bool) -> TemplateFile:
    """Return the file at `path` of the catalogue as one that is copied byte for byte.

    Its own path still begins with the folder `verbatim`. Raise InputError for a file that distgen
    writes itself, and for a link that leads out of the tree.
    """
    head, _, stored_path = path.removeprefix(f"{folder}/").partition("/")
    target, is_link = _target(stored_path)
    where = Origin(path)
    if target == MANIFEST:
        raise InputError(f"distgen writes `{target}` itself", where=where, hint="remove it")
    if is_link and (problem := link_problem(target, content)):
        raise InputError(f"is a link that {problem}", where=where, hint="correct or remove it")
    return TemplateFile(
        f"{head}/{target}", path, content, False, executable and not is_link, True, is_link
    )


def _target(stored_path: str) -> tuple[str, bool]:
    *parents, name = (part.removesuffix(_RAW) for part in stored_path.split("/"))
    is_link = not stored_path.endswith(_RAW) and name.endswith(_LINK)
    return "/".join((*parents, name.removesuffix(_LINK) if is_link else name)), is_link


def kept_path(target: str, is_link: bool) -> str:
    """Return how a path of a tree is called below `verbatim`."""
    *parents, name = target.split("/")
    kept = [f"{part}{_RAW}" if _is_escaped(part) else part for part in parents]
    if is_link:
        return "/".join((*kept, f"{name}{_LINK}"))
    needs_suffix = _is_escaped(name) or name.endswith(_LINK)
    return "/".join((*kept, f"{name}{_RAW}" if needs_suffix else name))


def _is_escaped(name: str) -> bool:
    return name.endswith(_RAW) or name.lower() in _NAMES_OF_GIT or is_leftover(name)


def link_problem(path: str, content: bytes) -> str:
    """Say why a symbolic link at a path must not stand in a tree, "" where it may."""
    try:
        target = content.decode("utf-8")
    except UnicodeDecodeError:
        return "leads to a name that is not UTF-8"
    if not target or not target.isprintable():
        return "leads to no name of a file"
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or place.split("/")[0] == "..":
        return f"leads out of the tree, to {target}"
    if any(part.lower() == ".git" for part in place.split("/")):
        return "leads into a git repository"
    return ""


def split_verbatim(
    files: Iterable[TemplateFile],
) -> tuple[tuple[TemplateFile, ...], Mapping[str, tuple[TemplateFile, ...]]]:
    """Return the other files of an image's folder, and those below `verbatim` by their stream.

    The files of all streams have the stream "".
    """
    shared_files: list[TemplateFile] = []
    by_stream: dict[str, list[TemplateFile]] = {}
    for file in files:
        if not file.is_literal:
            shared_files.append(file)
            continue
        folder, _, target = file.path.partition("/")
        stream = folder.partition("@")[2]
        by_stream.setdefault(stream, []).append(replace(file, path=target))
    return tuple(shared_files), {stream: tuple(members) for stream, members in by_stream.items()}
