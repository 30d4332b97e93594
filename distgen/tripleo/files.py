"""Reads the files of TripleO's tools: templates, lists of images, and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from distgen.errors import InputError
from distgen.model.catalogue import DEFAULT_LIMITS, RenderLimits
from distgen.render.limited_call import Announce, call_limited
from distgen.tripleo.heat import parse_defaults
from distgen.tripleo.lists import ContainerEntry, list_entries, template_entries
from distgen.tripleo.template import Render, TemplateSource, render_template


def read_text(path: Path) -> str:
    """Read a file of UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("there is no such file", where=path) from None
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", where=path) from None


def template_at(path: Path) -> TemplateSource:
    """Return the template in a file; it may include files beside it."""
    return TemplateSource(path.name, str(path), jinja2.FileSystemLoader(path.parent))


def render_limited(limits: RenderLimits) -> Render:
    """Return a function that renders templates within limits."""

    def render_within(template: TemplateSource, values: Mapping[str, Any]) -> str:
        def render(announce: Announce) -> str:
            announce(template.path)
            return render_template(template, values)

        text: str = call_limited(limits, render)
        return text

    return render_within


def read_defaults(path: Path) -> Mapping[str, Any]:
    """Read the variables of a template from a file of ContainerImagePrepare parameters."""
    return parse_defaults(read_text(path), str(path))


def read_list(
    path: Path,
    variables: Mapping[str, Any],
    tag: str | None = None,
    limits: RenderLimits = DEFAULT_LIMITS,
) -> tuple[ContainerEntry, ...]:
    """Read a list or a template of one (`*.j2`); each image once, in the order of the file.

    `tag` is that of all images but those with a tag in the template itself.
    """
    if path.suffix == ".j2":
        return template_entries(template_at(path), variables, tag, render_limited(limits))
    return list_entries(read_text(path), str(path), tag)
