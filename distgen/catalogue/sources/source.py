"""Where images come from that no template of the catalogue describes: siblings of one shape.

Each has `images(request, around) -> Generated`; `catalogue` itself reads templates and overlays.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from distgen.catalogue.imported import ReadSource, SourceImages, SourceRequest

SOURCES = {"kolla": "distgen.catalogue.sources.kolla.images"}
"""The module of each source, by the word that a namespace's `source` names it with."""


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source may know of the machine.

    `environ` is where variables are looked up that the source's templates name, and `cache` the
    folder that keeps what may be computed again.
    """

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    cache: Path | None = None


def source_reader(around: SourceContext) -> ReadSource:
    """Return the function that asks whichever source a request names."""

    def ask(request: SourceRequest) -> SourceImages:
        # a source is imported when it is asked: Kolla's must not cost those who have none
        source = importlib.import_module(SOURCES[request.source])
        found: SourceImages = source.images(request, around)
        return found

    return ask
