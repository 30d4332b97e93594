"""Reads images from the source that a namespace names: its module is imported only then.

A source NAME is a package here, with a function `images(request, context) -> SourceImages` in its
module `images`, and one entry in distgen/schema/json/sources.json.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from distgen.catalogue.imported import ReadSource, SourceImages, SourceRequest


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source may know of the machine.

    `environ` are the variables that a source's templates may ask for, and `cache` is the folder for
    results that may be computed again.
    """

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    cache: Path | None = None


def source_reader(context: SourceContext) -> ReadSource:
    """Return the function that reads images from the source that a request names."""

    def read_source(request: SourceRequest) -> SourceImages:
        # Kolla takes longer to import than most runs take, so no source is imported before.
        module = importlib.import_module(f"distgen.catalogue.sources.{request.source}.images")
        images: SourceImages = module.images(request, context)
        return images

    return read_source
