"""The formats of exports: a module for each, listed here."""

from __future__ import annotations

from distgen.exports import compose, matrix, zuul
from distgen.exports.records import ExportFormat

FORMATS: tuple[ExportFormat, ...] = (compose.FORMAT, matrix.FORMAT, zuul.FORMAT)
"""All formats, sorted by name."""
