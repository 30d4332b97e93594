"""The formats of exports: a module for each, listed here."""

from __future__ import annotations

from distgen.exports import matrix
from distgen.exports.records import ExportFormat

FORMATS: tuple[ExportFormat, ...] = (matrix.FORMAT,)
"""All formats, sorted by name."""
