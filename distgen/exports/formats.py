"""The formats of exports: a module for each, listed here."""

from __future__ import annotations

from collections.abc import Mapping

from distgen.exports import (
    bake,
    bashbrew,
    cccp,
    compose,
    github_actions,
    gitlab_ci,
    kolla,
    matrix,
    osbs,
    structure_tests,
    tekton,
    zuul,
)
from distgen.exports.records import ExportFormat
from distgen.exports.repository_records import RepositoryFormat

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

REPOSITORY_FORMATS: Mapping[str, RepositoryFormat] = {
    format.name: format for format in (cccp.REPOSITORY_FORMAT, osbs.REPOSITORY_FORMAT)
}
"""The formats whose files stand in each repository, by name."""
