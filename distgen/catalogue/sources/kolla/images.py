"""Turn the installed Kolla and a namespace's settings into images that hold their whole trees.

The Dockerfiles are those of `kolla-build --template-only`, byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from distgen.catalogue.imported import SourceImages, SourceRequest
from distgen.catalogue.repository_urls import public_url, repository_url
from distgen.catalogue.sources.dockerfile_needs import BASE, full_reference
from distgen.catalogue.sources.kolla.archives import (
    FETCH,
    archive_downloads,
    archive_mode,
    archive_sources,
    empty_set,
    fetches_in_build,
    read_archives,
)
from distgen.catalogue.sources.kolla.build import KollaBuild, KollaImage, linked_files, run_build
from distgen.catalogue.sources.kolla.options import setting_origin
from distgen.catalogue.sources.kolla.places import refuse_far_links
from distgen.catalogue.sources.kolla.render import TEMPLATE
from distgen.catalogue.sources.kolla.selection import read_container_list, select_names
from distgen.catalogue.sources.source import SourceContext
from distgen.dockerfile.filename import DOCKERFILE
from distgen.model.archives import Archive
from distgen.model.catalogue import Image, Parent, TemplateFile
from distgen.model.rendered import Finding
from distgen.model.words import Origin

UNKNOWN_IMAGE, ENVIRONMENT = "DG110", "DG111"


def images(request: SourceRequest, context: SourceContext) -> SourceImages:
    """Return Kolla's images for one stream of a namespace: those selected, and their parents."""
    build = run_build(request, context)
    container_list = read_container_list(build)
    names = select_names(build, container_list)
    result = tuple(_image(build, name) for name in names)
    findings = [finding for image in result for finding in _findings(build, image)]
    if container_list is not None:
        # A regex leaves images out of the list on purpose.
        of_list = frozenset() if build.settings.patterns else container_list.names
        if absent := sorted({*container_list.unknown, *of_list} - set(names)):
            findings.append(_unknown_images(build, result[0], absent))
    return SourceImages(result, tuple(findings), tuple(_inputs(build)))


def _inputs(build: KollaBuild) -> Iterator[str]:
    """Yield what settings name, and what links in folders of images lead to."""
    yield from build.settings.inputs
    if container_list := build.request.options.get("container_list"):
        yield str(container_list)
    yield from linked_files(build.settings.folders[1:], build.request.root)


def _image(build: KollaBuild, name: str) -> Image:
    request, image = build.request, build.images[name]
    namespace = request.namespace
    # the tag that Kolla's own FROM lines say comes first
    tags = dict.fromkeys((str(build.settings.values["tag"]), *request.stream.tags))
    stream = replace(request.stream, tags=tuple(tags))
    find_origin = partial(setting_origin, request)
    files = tuple(_files(build, image))
    archives = tuple(_archives(build, image, [file.path for file in files]))
    return Image(
        namespace=namespace.name,
        name=name,
        stream=stream,
        description=f"Kolla's {name}",
        template=f"{request.source}:{image.folder}",
        parents=tuple(_parents(build, image)),
        sources=archive_sources(archives, build.settings.archives, find_origin),
        downloads=archive_downloads(archives, find_origin),
        values=request.options,
        layers=request.layers,
        files=(*files, *(empty_set(archive.folder) for archive in archives if not archive.parts)),
        patches=(),
        reference=full_reference(image.reference),
        url=repository_url(namespace.dist_git, namespace.name, name),
        origin=request.origin,
        imported_version=build.settings.release,
        platforms=namespace.platforms,
        public_url=public_url(namespace.dist_git, namespace.name, name),
        archives=tuple(archive for archive in archives if archive.parts),
    )


def _archives(build: KollaBuild, image: KollaImage, paths: Collection[str]) -> Iterator[Archive]:
    """Yield what kolla-build would add to an image's files, and whether the build can fetch it."""
    settings = build.settings
    is_fetched = _fetches(build.request)
    architecture = str(settings.values.get("debian_arch", ""))
    needed = read_archives(image.name, image.needs, paths, settings.archives, architecture)
    for archive in needed:
        lineage = _lineage(build, image) if is_fetched else ()
        yield replace(archive, in_build=is_fetched and fetches_in_build(archive, lineage))


def _fetches(request: SourceRequest) -> bool:
    return archive_mode(request.options, setting_origin(request, "archives")) == FETCH


def _lineage(build: KollaBuild, image: KollaImage) -> list[str]:
    """Return the Dockerfiles of an image and of what it is built on, its own first."""
    texts: dict[str, str] = {}
    below: KollaImage | None = image
    while below is not None and below.name not in texts:
        texts[below.name] = below.text
        base = full_reference(dict(below.needs.parents).get(BASE, ""))
        below = build.images.get(build.names.get(base, ""))
    return list(texts.values())


def _parents(build: KollaBuild, image: KollaImage) -> Iterator[Parent]:
    namespace, stream = build.request.namespace.name, build.request.stream.name
    origin = Origin(f"kolla/{image.folder}/{TEMPLATE}")
    for role, word in sorted(image.needs.parents, key=lambda parent: parent[0] != BASE):
        reference = full_reference(word)
        name = build.names.get(reference)
        key = f"{namespace}/{name}@{stream}" if name else None
        yield Parent(role, key, reference, origin)


def _files(build: KollaBuild, image: KollaImage) -> Iterator[TemplateFile]:
    """Yield the build context: the Dockerfile and all that Kolla has beside its template."""
    source = f"kolla/{image.folder}"
    # named as rendered: a line of it is not that line of the template
    yield TemplateFile(DOCKERFILE, f"{source}/Dockerfile", image.text.encode(), False, False)
    for path, file in build.contexts[image.folder].items():
        if path != DOCKERFILE:
            yield _copy_file(path, f"{source}/{path}", file)
    yield from _patches(build, image)


def _patches(build: KollaBuild, image: KollaImage) -> Iterator[TemplateFile]:
    """Yield an image's source patches; git keeps no empty folder, so one holds a .gitkeep."""
    if "patches" not in dict(image.needs.files):
        return
    folder = Path(build.settings.values.get("patches_path") or os.devnull, image.name)
    series = folder / "series"
    if not series.is_file():
        yield TemplateFile("patches/.gitkeep", "", b"", False, False)
        return
    lines = [line.strip() for line in series.read_text(encoding="utf-8").splitlines()]
    names = [line for line in lines if line and not line.startswith("#")]
    files = {name: folder / name for name in ["series", *names] if (folder / name).is_file()}
    refuse_far_links(build.request.root, folder, files)
    for name, file in files.items():
        yield _copy_file(f"patches/{name}", str(file), file)


def _copy_file(path: str, source: str, place: Path) -> TemplateFile:
    with place.open("rb", buffering=0) as file:
        executable = bool(os.fstat(file.fileno()).st_mode & 0o100)
        return TemplateFile(path, source, file.readall(), False, executable)


def _unknown_images(build: KollaBuild, image: Image, names: list[str]) -> Finding:
    """Return a finding, at the first image, of those in a list that this Kolla does not have."""
    path = str(build.request.options["container_list"])
    values = build.settings.values
    kolla = f"Kolla {build.settings.release} for {values['base_distro']} on {values['base_arch']}"
    message = f"{kolla} has no image {', '.join(names)}"
    place = (image.full_name, image.stream.name, path, 1, 1)
    return Finding(*place, UNKNOWN_IMAGE, "warning", message, Origin(path, 1))


def _findings(build: KollaBuild, image: Image) -> Iterator[Finding]:
    rendered = build.images[image.name]
    if rendered.variables:
        message = f"its rendering asked the environment for {', '.join(rendered.variables)}"
        place = (image.full_name, image.stream.name, DOCKERFILE, 1, 1)
        yield Finding(*place, ENVIRONMENT, "info", message)
