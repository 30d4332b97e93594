"""Kolla's images for tests: what distgen makes of settings, as records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from distgen.catalogue.imported import SourceImages, SourceRequest
from distgen.catalogue.sources.kolla import images
from distgen.catalogue.sources.source import SourceContext
from distgen.model.catalogue import (
    DEFAULT_LIMITS,
    Image,
    Layer,
    Namespace,
    RenderLimits,
    Stream,
)
from distgen.model.dist_git import DistGit
from distgen.model.policy import Policy
from distgen.model.words import Origin

STREAM = Stream("master", "master", ())


DIST_GIT = DistGit("d/{image}.git", "a <a@b>", "none", token_env="PUSH")
NAMESPACE = Namespace("kolla", "", "", "{image}", (STREAM,), Policy(), (), DIST_GIT)


# Releases before 23 print the day, which is no concern of ours unless it is asked for.
DAY = {"build_date": datetime.now().strftime("%Y%m%d")}


def generate(
    root: Path,
    options: Mapping[str, Any],
    cache: Path | None,
    environ: Mapping[str, str] = {},
    limits: RenderLimits = DEFAULT_LIMITS,
    layer: str = "namespace",
) -> SourceImages:
    origin = Origin("overlays/kolla/namespace.yaml", 2)
    layers = (Layer(layer, origin.path, options),)
    request = SourceRequest("kolla", NAMESPACE, STREAM, options, layers, root, origin, limits)
    return images.images(request, SourceContext(environ, cache))


def files(image: Image) -> dict[str, bytes]:
    return {file.path: file.content for file in image.files}


def kolla_files(image: Image) -> dict[str, bytes]:
    """Return the files that Kolla has before it builds: it makes archives of no plugins later."""
    empty_sets = {"plugins-archive", "additions-archive"}
    return {path: content for path, content in files(image).items() if path not in empty_sets}


def image_named(source_images: SourceImages, name: str) -> Image:
    return next(image for image in source_images.images if image.name == name)


def images_folder(root: Path, dockerfiles: Mapping[str, str]) -> str:
    for name, text in dockerfiles.items():
        (root / "images" / name).mkdir(parents=True)
        (root / "images" / name / "Dockerfile.j2").write_text(text)
    return "images"
