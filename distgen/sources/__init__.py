"""Where images come from that no template of the catalogue describes: siblings of one shape.

Each has `images(request) -> Generated`; the catalogue's own templates are read by `catalog`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distgen.model import Finding, Image, Namespace, Origin, Stream


@dataclass(frozen=True, slots=True)
class Request:
    """One stream of a namespace, as its source is asked for it.

    `options` are the source's own settings, merged; relative paths in them start at `root`.
    `environ` is where variables are looked up that the source's templates name, and `cache` the
    folder that keeps what may be computed again. `url` is the dist-git address, `{image}` in it.
    """

    namespace: Namespace
    stream: Stream
    options: Mapping[str, Any]
    root: Path
    url: str
    origin: Origin
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class Generated:
    """Images whose `files` are their whole trees, sorted by key, and what is to be said of them."""

    images: tuple[Image, ...]
    findings: tuple[Finding, ...] = ()
