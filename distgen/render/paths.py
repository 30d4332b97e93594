"""Tell which paths a tree may hold, so that it can be checked out on every machine."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from distgen.errors import InputError
from distgen.model.words import MANIFEST
from distgen.text.characters import HIDDEN

# Windows reads ".git " and "git~1" as .git, so git refuses to check such paths out.
_BAD = re.compile(r"[\\\x00-\x1f\x7f]|(?:^|/)(?:\.{0,2}|\.git[. ]*|git~1)(?:/|$)", re.I)


_LONGEST_NAME, _LONGEST_PATH = 255, 1024  # bytes that all file systems take
_SHOWN = 80


def is_allowed(path: str) -> bool:
    """Tell whether a path is relative, stays below its root and is not git's or distgen's own."""
    if not path.isascii() and HIDDEN.search(path):
        return False
    return not _BAD.search(path) and path.lower() != MANIFEST


def check_paths(paths: Iterable[str], image: str) -> None:
    """Refuse paths that one git repository cannot hold together."""
    # On macOS and Windows, names that differ only in case or in Unicode's normal form are one
    # file: a clone would lack one.
    folded: dict[str, str] = {}
    for path in paths:
        if problem := _describe_length(path):
            raise InputError(f"{path[:_SHOWN]!r}... {problem}, in {image}")
        if not is_allowed(path):
            raise InputError(
                f"{path!r} is not a path that the tree of {image} may hold",
                hint="paths are relative, without '..', and not git's or distgen's own",
            )
        start = 0
        while start >= 0:
            start = path.find("/", start + 1)
            part = path if start < 0 else path[: start + 1]
            earlier = folded.setdefault(_fold(part), part)
            if earlier != part:
                raise InputError(f"{_describe_likeness(part, earlier)}, in {image}")
    for key, path in folded.items():
        if f"{key}/" in folded:
            raise InputError(f"{path!r} would be both a file and a folder, in {image}")


def check_links(links: Mapping[str, str], image: str) -> None:
    """Refuse symbolic links that lead out of the tree; `links` are their targets by path.

    Behind another link ``..`` is not where it seems to be, so it does not stand there.
    """
    for path, target in links.items():
        place = path.split("/")[:-1]
        crossed = ""
        for part in target.split("/"):
            if part == ".." and crossed:
                problem = f"{path!r} is a symbolic link that leads through the link {crossed!r}"
                raise InputError(f"{problem} and back, in {image}", hint="name where it ends")
            is_outside = target.startswith("/") or (part == ".." and not place)
            if is_outside or part.lower() == ".git":
                problem = f"{path!r} is a symbolic link that leads out of the tree, to {target!a}"
                raise InputError(f"{problem}, in {image}")
            if part == "..":
                place = place[:-1]
            elif part not in ("", "."):
                place = [*place, part]
                crossed = crossed or ("/".join(place) if "/".join(place) in links else "")


def _describe_length(path: str) -> str:
    if 4 * len(path) <= _LONGEST_NAME:  # a letter has at most four bytes
        return ""
    if len(path.encode("utf-8", "replace")) > _LONGEST_PATH:
        return f"is a path of more than {_LONGEST_PATH} bytes"
    if any(len(name.encode("utf-8", "replace")) > _LONGEST_NAME for name in path.split("/")):
        return f"has a name of more than {_LONGEST_NAME} bytes"
    return ""


def _fold(path: str) -> str:
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def _describe_likeness(path: str, other: str) -> str:
    if path.casefold() == other.casefold():
        return f"{path!r} and {other!r} differ only in case"
    return f"{path!a} and {other!a} differ only in how Unicode writes the same letters"
