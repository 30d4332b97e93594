"""The formats of exports: a module for each, listed here."""

from __future__ import annotations

from distgen.exports import (
    bake,
    bashbrew,
    compose,
    github_actions,
    gitlab_ci,
    kolla,
    matrix,
    tekton,
    zuul,
)
from distgen.exports.records import ExportFormat

FORMATS: tuple[ExportFormat, ...] = (
    bake.FORMAT,
    bashbrew.FORMAT,
    compose.FORMAT,
    github_actions.FORMAT,
    gitlab_ci.FORMAT,
    kolla.FORMAT,
    matrix.FORMAT,
    tekton.FORMAT,
    zuul.FORMAT,
)
"""All formats, sorted by name."""
