"""The formats of exports beside the repositories: a module for each, listed here."""

from __future__ import annotations

from distgen.exports import (
    bake,
    bashbrew,
    compose,
    github_actions,
    gitlab_ci,
    kolla,
    matrix,
    structure_tests,
    tekton,
)
from distgen.exports.cccp import format as cccp
from distgen.exports.records import ExportFormat
from distgen.exports.zuul import format as zuul

FORMATS: tuple[ExportFormat, ...] = (
    bake.FORMAT,
    bashbrew.FORMAT,
    cccp.FORMAT,
    compose.FORMAT,
    github_actions.FORMAT,
    gitlab_ci.FORMAT,
    kolla.FORMAT,
    matrix.FORMAT,
    structure_tests.FORMAT,
    tekton.FORMAT,
    zuul.FORMAT,
)
"""All formats beside the repositories, sorted by name."""
