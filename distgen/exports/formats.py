"""The formats of exports: a module for each, listed here."""

from __future__ import annotations

from distgen.exports import compose, matrix
from distgen.exports.records import ExportFormat

FORMATS: tuple[ExportFormat, ...] = (compose.FORMAT, matrix.FORMAT)
"""All formats, sorted by name."""
