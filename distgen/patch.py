"""Applies unified diffs to the files of a tree, exactly or not at all."""

from __future__ import annotations

from collections.abc import Mapping

from distgen.model import File, TemplateFile


def apply(files: Mapping[str, File], diff: TemplateFile, image: str) -> dict[str, File]:
    raise NotImplementedError
