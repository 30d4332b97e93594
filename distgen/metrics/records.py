"""Records of metrics: families of samples, and what an earlier file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Labels = tuple[tuple[str, str], ...]
MetricKind = Literal["gauge", "counter"]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its values by their labels; a unit is the end of the name, too."""

    name: str
    kind: MetricKind
    text: str
    samples: tuple[tuple[Labels, float], ...]
    unit: str = ""


@dataclass(frozen=True, slots=True)
class EarlierMetrics:
    """What counts on from run to run: read from the file of the last one, whoever wrote it.

    `edits_since` is when edits of a branch were first seen, by image and stream.
    """

    last_success: float | None = None
    counters: Mapping[str, float] = field(default_factory=dict)
    edits_since: Mapping[tuple[str, str], float] = field(default_factory=dict)
