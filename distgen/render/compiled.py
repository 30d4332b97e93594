"""Files of templates with their names and texts compiled, ready to be rendered."""

from __future__ import annotations

from typing import NamedTuple

from jinja2 import Template

from distgen.model.catalogue import Image, TemplateFile
from distgen.render.environment import Sandbox, compile_file, compile_name


class CompiledFile(NamedTuple):
    """A file of a template, with its name and text compiled; None where nothing is rendered."""

    source: TemplateFile
    name: Template | None
    text: Template | None


def has_expression(source: TemplateFile) -> bool:
    """Tell whether the path of a file may hold an expression."""
    return "{" in source.path and not source.is_literal


def compile_source(environment: Sandbox, source: TemplateFile, image: Image) -> CompiledFile:
    """Compile the name and the text of a file, where they are templates."""
    return CompiledFile(
        source,
        compile_name(environment, source, image.key) if has_expression(source) else None,
        compile_file(environment, source, image.key) if source.is_rendered else None,
    )


def header_origins(source: TemplateFile, image: Image) -> str:
    """Return the words of a rendered file's header: where it and its values were written."""
    return f"{source.source} and {image.origin.path}"
