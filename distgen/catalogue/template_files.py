"""Tells where a file of the catalogue goes in a tree, and whether it is rendered."""

from __future__ import annotations

import re
from collections.abc import Iterable

from distgen.errors import InputError
from distgen.model.catalogue import TemplateFile
from distgen.model.words import ATTRIBUTES, MANIFEST, Origin

# Files that editors and interpreters leave on one machine must not change what is published.
_LEFTOVER = re.compile(r".*~|\..*\.sw[op]|\.DS_Store|__pycache__|.*\.py[co]", re.DOTALL)
TESTS = "tests.yaml"
"""The structure tests of a template or image; they are of no tree."""
_WRITTEN_BY_DISTGEN = {MANIFEST, ATTRIBUTES}


def is_leftover(name: str) -> bool:
    """Tell whether editors and interpreters leave files of this name behind; they are not read."""
    return _LEFTOVER.fullmatch(name) is not None


def template_file(folder: str, path: str, content: bytes, executable: bool) -> TemplateFile:
    """Return the file at `path` of the catalogue as one of the template or image in `folder`.

    The suffix .j2 says that a file is rendered, .raw that it is not, though its own name ends in
    .j2. Raise InputError for one that cannot be rendered, or that distgen writes itself.
    """
    target = path.removeprefix(f"{folder}/")
    is_rendered = target.endswith(".j2")
    if is_rendered:
        _refuse_binary(content, path)
    target = target.removesuffix(".j2" if is_rendered else ".raw")
    if target in _WRITTEN_BY_DISTGEN:
        raise InputError(f"distgen writes `{target}` itself", where=Origin(path), hint="remove it")
    return TemplateFile(target, path, content, is_rendered, executable)


def by_target(files: Iterable[TemplateFile]) -> tuple[TemplateFile, ...]:
    """Return files by where they go; raise InputError when two go to one place."""
    sources: dict[str, str] = {}
    in_order = sorted(files, key=lambda file: file.path)
    for file in in_order:
        first = sources.setdefault(file.path, file.source)
        if first != file.source:
            raise InputError(
                f"goes to `{file.path}`, as does {first}",
                where=Origin(file.source),
                hint="rename or remove one",
            )
    return tuple(in_order)


def _refuse_binary(content: bytes, path: str) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            "is not UTF-8 text, as a file that is rendered must be",
            where=Origin(path, line),
            hint="drop the suffix .j2 to have it copied as it is",
        ) from None
