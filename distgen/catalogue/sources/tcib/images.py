"""Turn a checkout of tcib and a namespace's settings into images that hold their whole trees.

The Dockerfiles are those that its role writes with Ansible, byte for byte. Where `package` is
empty, the files that the package would install stand in the repository, and one line copies them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from distgen.catalogue.bounded import read_bounded
from distgen.catalogue.imported import SourceImages, SourceRequest
from distgen.catalogue.placeholders import fill_placeholders
from distgen.catalogue.repository_urls import public_url, repository_url
from distgen.catalogue.sources.dockerfile_needs import BASE, full_reference, read_needs
from distgen.catalogue.sources.source import SourceContext
from distgen.catalogue.sources.tcib.dockerfiles import write_dockerfiles
from distgen.catalogue.sources.tcib.folders import LARGEST_FILE, ImageFolder, read_folders
from distgen.catalogue.sources.tcib.selection import select_images
from distgen.catalogue.sources.tcib.settings import PREFIX, TcibSettings, read_settings
from distgen.catalogue.sources.tcib.variables import OWN_KEYS, image_variables, label_variables
from distgen.dockerfile.filename import DOCKERFILE
from distgen.errors import InputError
from distgen.model.catalogue import Image, ImageProblem, Parent, TemplateFile
from distgen.model.words import Origin

TAG = "current-podified"
FIRST = "base"
"""The image that is built on the external one."""
_INSTALLED = "/usr/share/tcib/container-images"
_CONTEXT = "container-images"
_FILE = re.compile(re.escape(_INSTALLED) + r"/([\w.+-]+(?:/[\w.+-]+)*)")


@dataclass(frozen=True, slots=True)
class TcibBuild:
    """All that was written for one request; `references` are of images, by name."""

    request: SourceRequest
    settings: TcibSettings
    folders: Mapping[str, ImageFolder]
    references: Mapping[str, str]
    dockerfiles: Mapping[str, tuple[str, ImageProblem | None]]


def images(request: SourceRequest, context: SourceContext) -> SourceImages:
    """Return tcib's images for one stream of a namespace: those of its list, and their parents."""
    request = replace(request, stream=replace(request.stream, tags=request.stream.tags or (TAG,)))
    settings = read_settings(request)
    known_keys = OWN_KEYS | {key for key in settings.defaults if key.startswith(PREFIX)}
    known_keys |= {*settings.extras, *settings.extra_config}
    name = f"{request.options['path']}/tcib"
    folders = read_folders(settings.folder / "tcib", name, frozenset(known_keys))
    chosen = {name: folders[name] for name in select_images(settings, folders, request.origin)}
    references = {name: _reference(request, name) for name in chosen}
    variables = {
        name: _variables(request, settings, folder, references) for name, folder in chosen.items()
    }
    dockerfiles = write_dockerfiles(settings, chosen, variables, request.limits)
    build = TcibBuild(request, settings, chosen, references, dockerfiles)
    return SourceImages(tuple(_image(build, name) for name in sorted(chosen)), (), settings.inputs)


def _reference(request: SourceRequest, name: str) -> str:
    namespace = request.namespace
    where = namespace.origin
    words = {**request.options, "namespace": namespace.name, "image": name}
    repository = fill_placeholders(namespace.repository, words, where)
    return f"{namespace.registry}/{repository}:{request.stream.tags[0]}"


def _variables(
    request: SourceRequest,
    settings: TcibSettings,
    folder: ImageFolder,
    references: Mapping[str, str],
) -> dict[str, Any]:
    common: dict[str, Any] = {
        "tcib_distro": settings.distro,
        "tcib_release": settings.release,
        "tcib_package": settings.package,
        **settings.extras,
    }
    if settings.labels:
        common["tcib_labels"] = _labels(request, settings, folder)
    is_first = folder.name == FIRST or not folder.parent
    reference = settings.base if is_first else references[folder.parent]
    variables = image_variables(folder.options, folder.name, common, reference)
    return {**settings.defaults, **variables, **settings.extra_config}


def _labels(request: SourceRequest, settings: TcibSettings, folder: ImageFolder) -> dict[str, Any]:
    registry, _, account = request.namespace.registry.partition("/")
    words = {
        "registry": registry,
        "namespace": account,
        "prefix": request.namespace.repository.partition("-{")[0],
        "image": folder.parent or settings.base,
        "tag": request.stream.tags[0],
        "name": folder.name,
    }
    try:
        return label_variables(settings.labels, words)
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"a label asks for {error}, which has no value",
            where=request.origin,
            hint=f"write %(word)s with one of {', '.join(words)}",
        ) from None


def _image(build: TcibBuild, name: str) -> Image:
    request = build.request
    namespace, folder = request.namespace, build.folders[name]
    text, problem = build.dockerfiles[name]
    return Image(
        namespace=namespace.name,
        name=name,
        stream=request.stream,
        description=f"tcib's {name}",
        template=f"{request.source}:{folder.path}",
        parents=tuple(_parents(build, folder, text)),
        sources=(),
        downloads=(),
        values=request.options,
        layers=request.layers,
        files=tuple(_files(build, folder, text)) if problem is None else (),
        patches=(),
        reference=build.references[name],
        url=repository_url(namespace.dist_git, namespace.name, name),
        origin=request.origin,
        problem=problem,
        platforms=namespace.platforms,
        public_url=public_url(namespace.dist_git, namespace.name, name),
    )


def _parents(build: TcibBuild, folder: ImageFolder, text: str) -> Iterator[Parent]:
    """Yield what the Dockerfile names; where there is none, what the folders say."""
    request = build.request
    origin = folder.origin(("tcib_from",))
    names = {reference: name for name, reference in build.references.items()}
    usual = build.references.get(folder.parent, full_reference(build.settings.base))
    parents = read_needs(text, {}).parents
    if BASE not in dict(parents) and "\nFROM scratch\n" not in text:
        # Nothing was written, or what no builder can read: the folders say what it is built on.
        parents = ((BASE, usual), *parents)
    for role, word in sorted(parents, key=lambda parent: parent[0] != BASE):
        reference = full_reference(word)
        name = names.get(reference)
        key = f"{request.namespace.name}/{name}@{request.stream.name}" if name else None
        yield Parent(role, key, reference, origin)


def _files(build: TcibBuild, folder: ImageFolder, text: str) -> Iterator[TemplateFile]:
    """Yield the Dockerfile, and the files that it needs beside it, sorted by path."""
    files = dict(_gathered_files(build, folder))
    if not build.settings.package:
        installed = dict(_installed_files(build, folder, text))
        text = _with_copy(text) if installed else text
        files |= installed
    dockerfile = TemplateFile(DOCKERFILE, folder.path, text.encode(), False, False)
    files[DOCKERFILE] = dockerfile
    yield from (files[path] for path in sorted(files))


def _installed_files(
    build: TcibBuild, folder: ImageFolder, text: str
) -> Iterator[tuple[str, TemplateFile]]:
    """Yield the files that the Dockerfile takes from where the package would install them."""
    for path in sorted({match[1] for match in _FILE.finditer(text)}):
        place = build.settings.folder / path
        if place.is_dir():
            below = sorted(file for file in place.rglob("*") if file.is_file())
            paths = [file.relative_to(build.settings.folder).as_posix() for file in below]
        else:
            paths = [path]
        for name in paths:
            yield f"{_CONTEXT}/{name}", _read_file(build, folder, name, f"{_CONTEXT}/{name}")


def _gathered_files(build: TcibBuild, folder: ImageFolder) -> Iterator[tuple[str, TemplateFile]]:
    """Yield what `tcib_gather_files` takes from the machine; only files of tcib are taken here."""
    for index, item in enumerate(folder.options.get("tcib_gather_files") or ()):
        path = str(item).removeprefix(f"{_INSTALLED}/")
        if path.startswith("/"):
            raise InputError(
                f"{item} is a file of the machine that builds",
                where=folder.origin(("tcib_gather_files", index)),
                hint=f"put it into the folder of tcib, and name it below {_INSTALLED}",
            )
        target = str(item).lstrip("/")
        yield target, _read_file(build, folder, path, target)


def _read_file(build: TcibBuild, folder: ImageFolder, path: str, target: str) -> TemplateFile:
    """Read a file below the folder of tcib; links are not followed, for they may lead anywhere."""
    place = build.settings.folder
    name = f"{build.request.options['path']}/{path}"
    for part in PurePosixPath(path).parts:
        place = place / part
        if place.is_symlink() or part in (os.pardir, ".git"):
            raise InputError("is not read: it leads elsewhere", where=name, hint="copy the file")
    try:
        content = read_bounded(place, name, LARGEST_FILE)
    except FileNotFoundError:
        raise InputError(
            f"there is no file {name}, which {folder.name} takes", where=Origin(folder.path)
        ) from None
    return TemplateFile(target, name, content, False, os.access(place, os.X_OK))


def _with_copy(text: str) -> str:
    """Return a Dockerfile that copies the files of tcib to where its package installs them."""
    line = f"COPY {_CONTEXT} {_INSTALLED}\n"
    before, user, after = text.partition("\nUSER root\n")
    return f"{before}{user}{line}{after}" if user else f"{text}{line}"
