"""Images and trees as values, for tests of what is said about them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from distgen.model.catalogue import Download, Image, Parent, Source, Stream
from distgen.model.rendered import File, Tree
from distgen.model.words import EXECUTABLE, REGULAR, Origin

ROOT = "quay.io/opendevorg/python-base:3.11"
EXTERNAL = "docker.io/library/debian:12"


def image(
    name: str = "opendev/nodepool",
    base: str = EXTERNAL,
    builders: Mapping[str, str] | None = None,
    sources: Mapping[str, tuple[str, str]] | None = None,
    downloads: Mapping[str, str] | None = None,
    parents: Mapping[str, str] | None = None,
) -> Image:
    """Make an image; `parents` maps references to the keys of the catalogue's images they are."""
    namespace, _, short = name.partition("/")
    roles = {**({"base": base} if base else {}), **(builders or {})}
    overlay = f"overlays/{name}.yaml"
    known = parents or {}
    return Image(
        namespace=namespace,
        name=short,
        stream=Stream("master", "master", ("master",)),
        description="",
        template="app",
        parents=tuple(
            Parent(role, known.get(reference), reference, Origin(overlay, number))
            for number, (role, reference) in enumerate(roles.items(), 2)
        ),
        sources=tuple(
            Source(key, git, ref, Origin(overlay, 10))
            for key, (git, ref) in (sources or {}).items()
        ),
        downloads=tuple(
            Download(key, url, Origin(overlay, 20)) for key, url in (downloads or {}).items()
        ),
        values={},
        layers=(),
        files=(),
        patches=(),
        reference=f"quay.io/{namespace}/{short}:master",
        url=f"dist-git/{name}.git",
        origin=Origin(overlay, 1),
    )


def tree(of: Image, files: Mapping[str, str | bytes]) -> Tree:
    """Make an image's tree; text is dedented, and a file that begins with `#!` is executable."""
    return Tree(
        of.full_name, of.stream.name, tuple(_file(path, files[path]) for path in sorted(files))
    )


def dedent(text: str) -> str:
    return textwrap.dedent(text).removeprefix("\n")


def _file(path: str, text: str | bytes) -> File:
    content = text if isinstance(text, bytes) else dedent(text).encode()
    return File(path, content, EXECUTABLE if content.startswith(b"#!") else REGULAR)
