"""Records of what a namespace demands of its images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from distgen.model.words import NOWHERE, Level, Origin


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """What a policy says of one code (`DG203`, `DL3008`, `SC2086`).

    `level` None leaves the rule's own level, "ignore" drops findings and needs a `reason`.
    `images` are globs of the images it is about (none: all), `exempt` globs of those it is not,
    each with its reason. `options` are the rule's own settings.
    """

    code: str
    level: Level | Literal["ignore"] | None = None
    reason: str = ""
    images: tuple[str, ...] = ()
    exempt: tuple[tuple[str, str], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = NOWHERE


@dataclass(frozen=True, slots=True)
class Policy:
    """What a namespace demands: the images everything builds from, and rules by code."""

    roots: tuple[str, ...] = ()
    rules: tuple[RuleSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class Retention:
    """How long tags are kept; `retention:` of a namespace.

    `keep` are patterns of tags that stay for ever; `days` maps patterns to days, the first that
    matches counts, and a tag that none matches stays.
    """

    keep: tuple[str, ...] = ()
    days: tuple[tuple[str, int], ...] = ()


KEEP_ALL = Retention()
