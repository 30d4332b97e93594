"""The record of a bare scalar of YAML whose type only a schema can tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number or boolean as typed; a schema decides whether its value or its text is meant."""

    value: int | float | bool
    text: str
