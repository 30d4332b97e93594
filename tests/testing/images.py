"""Images, catalogues and trees as values, for tests of what becomes of them on the way."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from distgen.model.catalogue import (
    Catalogue,
    Download,
    Image,
    Namespace,
    Parent,
    Source,
    Stream,
)
from distgen.model.dist_git import DistGit
from distgen.model.policy import Policy
from distgen.model.rendered import File, Tree
from distgen.model.words import EXECUTABLE, REGULAR, Origin

ROOT = "quay.io/opendevorg/python-base:3.11"
EXTERNAL = "docker.io/library/debian:12"
AUTHOR = "distgen <distgen@localhost>"
DIST_GIT = "dist-git/{namespace}/{image}.git"
STREAMS = (Stream("master", "master", ("master",)), Stream("2024.1", "stable/2024.1", ("2024.1",)))


def image(
    key: str = "opendev/nodepool",
    *parents: str,
    base: str = EXTERNAL,
    builders: Mapping[str, str] | None = None,
    keys: Mapping[str, str] | None = None,
    sources: Mapping[str, tuple[str, str]] | None = None,
    downloads: Mapping[str, str] | None = None,
    url: str = DIST_GIT,
    branch: str = "",
) -> Image:
    """Make the image of a key, `namespace/name` or `namespace/name@stream`.

    It is built on the images of the catalogue with the keys `parents`, else on the reference
    `base`, and on those of `builders`; `keys` says which references are images of the catalogue.
    """
    full_name, _, stream_name = key.partition("@")
    namespace, _, name = full_name.partition("/")
    stream = _stream(stream_name or "master", branch)
    overlay = f"overlays/{full_name}.yaml"
    return Image(
        namespace=namespace,
        name=name,
        stream=stream,
        description="",
        template="app",
        parents=(
            *(_parent(parent, stream) for parent in parents),
            *_references({} if parents or not base else {"base": base}, builders, keys, overlay),
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
        reference=f"quay.io/{full_name}:{stream.tags[0]}",
        url=url.format(namespace=namespace, image=name),
        origin=Origin(overlay, 1),
    )


def make_catalogue(
    root: Path | str,
    *images: Image,
    forge: str = "none",
    author: str = AUTHOR,
    url: str = DIST_GIT,
) -> Catalogue:
    """Make the catalogue that holds these images."""
    dist_git = DistGit(url, author, forge)
    namespaces = {
        name: Namespace(name, "", "quay.io/x", "{image}", STREAMS, Policy(), (), dist_git)
        for name in sorted({image.namespace for image in images})
    }
    ordered = tuple(sorted(images, key=lambda image: image.key))
    return Catalogue(str(root), ordered, {}, namespaces, None)


def tree(image: Image, contents: Mapping[str, str | bytes], **pins: object) -> Tree:
    """Make an image's tree; text is dedented, and a file that begins with `#!` is executable."""
    files = tuple(_file(path, contents[path]) for path in sorted(contents))
    return Tree(image.full_name, image.stream.name, files, **pins)  # type: ignore[arg-type]


def dedent(text: str) -> str:
    return textwrap.dedent(text).removeprefix("\n")


def _stream(name: str, branch: str) -> Stream:
    if branch:
        return Stream(name, branch, (name,))
    return next(stream for stream in STREAMS if stream.name == name)


def _parent(key: str, stream: Stream) -> Parent:
    full_key = key if "@" in key else f"{key}@{stream.name}"
    return Parent("base", full_key, f"quay.io/{full_key}")


def _references(
    base: Mapping[str, str],
    builders: Mapping[str, str] | None,
    keys: Mapping[str, str] | None,
    overlay: str,
) -> tuple[Parent, ...]:
    roles = {**base, **(builders or {})}
    return tuple(
        Parent(role, (keys or {}).get(reference), reference, Origin(overlay, line))
        for line, (role, reference) in enumerate(roles.items(), 2)
    )


def _file(path: str, text: str | bytes) -> File:
    content = text if isinstance(text, bytes) else dedent(text).encode()
    return File(path, content, EXECUTABLE if content.startswith(b"#!") else REGULAR)
