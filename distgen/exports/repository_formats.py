"""The formats whose files stand in each repository: a module for each, listed here."""

from __future__ import annotations

from collections.abc import Mapping

from distgen.exports import bashbrew
from distgen.exports.cccp import format as cccp
from distgen.exports.osbs import format as osbs
from distgen.exports.repository_records import RepositoryFormat

REPOSITORY_FORMATS: Mapping[str, RepositoryFormat] = {
    format.name: format
    for format in (bashbrew.REPOSITORY_FORMAT, cccp.REPOSITORY_FORMAT, osbs.REPOSITORY_FORMAT)
}
"""All of them by name."""
