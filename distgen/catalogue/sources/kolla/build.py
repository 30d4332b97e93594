"""Render all images of Kolla for one stream, as `kolla-build --template-only` does."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from distgen.catalogue.imported import SourceRequest
from distgen.catalogue.sources.cache import load_entry, save_entry
from distgen.catalogue.sources.dockerfile_needs import DockerfileNeeds, full_reference, read_needs
from distgen.catalogue.sources.kolla.options import KollaSettings, resolve_settings
from distgen.catalogue.sources.kolla.places import refuse_far_links, refuse_far_setting
from distgen.catalogue.sources.kolla.render import (
    TEMPLATE,
    CompiledTemplates,
    RenderedDockerfile,
    render_dockerfiles,
)
from distgen.catalogue.sources.source import SourceContext
from distgen.errors import InputError


@dataclass(frozen=True, slots=True)
class KollaImage:
    """A rendered image: its folder among Kolla's, its Dockerfile, and what that needs.

    `variables` are those of the environment that its templates asked for.
    """

    name: str
    folder: str
    text: str
    variables: tuple[str, ...]
    needs: DockerfileNeeds
    reference: str


@dataclass(frozen=True, slots=True)
class KollaBuild:
    """All that was rendered for one request, by name.

    `contexts` are the files below each image's folder, `names` the images by their references.
    """

    request: SourceRequest
    settings: KollaSettings
    contexts: Mapping[str, Mapping[str, Path]]
    images: Mapping[str, KollaImage]
    names: Mapping[str, str]


def run_build(request: SourceRequest, context: SourceContext) -> KollaBuild:
    """Render all images that Kolla has for the request's settings."""
    label = f"{request.namespace.name}@{request.stream.name}"
    settings = resolve_settings(request, context.cache, label)
    for input_name in settings.inputs:
        refuse_far_setting(request, input_name)
    for folder in settings.folders[1:]:
        refuse_far_links(request.root, Path(folder), list_files((folder,)))
    files = list_files(settings.folders)
    for name, path in settings.base_files.items():
        files[f"base/{name}"] = Path(path)
    digest = hashlib.sha256("\0".join(settings.folders).encode()).hexdigest()[:16]
    entry = f"kolla-templates-{digest}"
    templates = CompiledTemplates(load_entry(context.cache, entry), settings.release)
    token = request.namespace.dist_git.token_env
    environ = {name: text for name, text in context.environ.items() if name != token}
    dockerfiles = render_dockerfiles(settings, files, environ, templates, request.limits)
    if templates.is_changed:
        save_entry(context.cache, entry, templates.entry())
    images = _images(settings, dockerfiles, context.cache, label)
    names = {full_reference(image.reference): name for name, image in images.items()}
    return KollaBuild(request, settings, _contexts(files, dockerfiles), images, names)


def list_files(folders: tuple[str, ...]) -> dict[str, Path]:
    """Return the files of Kolla's folders by path, later folders laid over earlier ones."""
    files: dict[str, Path] = {}
    for folder in folders:
        if not Path(folder).is_dir():
            raise InputError("docker_dir is not a folder", where=folder)
        for top, folders_below, names in os.walk(folder, followlinks=True):
            # pip compiles what it installs: bytecode differs by machine, and commits would.
            unread = {".git", "__pycache__"}
            folders_below[:] = sorted(name for name in folders_below if name not in unread)
            _refuse_loops(Path(folder), Path(top), folders_below)
            inside = Path(top).relative_to(folder).as_posix()
            prefix = "" if inside == "." else f"{inside}/"
            files |= {prefix + name: _check_target(Path(top, name)) for name in names}
    return files


def _refuse_loops(folder: Path, top: Path, names: Iterable[str]) -> None:
    """Refuse links to folders above them, which would be walked through without end."""
    for link in (top / name for name in names if (top / name).is_symlink()):
        above = (place for place in (top, *top.parents) if place.is_relative_to(folder))
        if link.resolve() in {place.resolve() for place in above}:
            raise InputError("leads to itself", where=link, hint="remove it")


def _check_target(file: Path) -> Path:
    """Refuse a link that leads nowhere: what stood there may have been images."""
    if file.is_symlink() and not file.exists():
        target = file.readlink()
        raise InputError(f"is a link to {target}, which is not there", where=file)
    return file


def linked_files(folders: Iterable[str], root: Path) -> Iterator[str]:
    """Yield the files of own folders that a link leads to, relative to the catalogue."""
    for folder in folders:
        real_folder = Path(folder).resolve()
        for path, place in list_files((folder,)).items():
            if place.resolve() != real_folder / path:
                yield os.path.relpath(place, root)


def _contexts(files: Mapping[str, Path], templates: Iterable[str]) -> dict[str, dict[str, Path]]:
    """Return the build contexts by folder: all files but templates, as paths inside it."""
    contexts: dict[str, dict[str, Path]] = {path.rpartition("/")[0]: {} for path in templates}
    for path, place in files.items():
        folder = path.rpartition("/")[0] if not path.endswith(f"/{TEMPLATE}") else ""
        while folder:
            if folder in contexts:
                contexts[folder][path.removeprefix(f"{folder}/")] = place
            folder = folder.rpartition("/")[0]
    return contexts


def _images(
    settings: KollaSettings,
    dockerfiles: Mapping[str, RenderedDockerfile],
    cache: Path | None,
    label: str,
) -> dict[str, KollaImage]:
    needs_by_digest = load_entry(cache, f"kolla-parents-{label}") or {}
    count_before = len(needs_by_digest)
    values = settings.values
    images: dict[str, KollaImage] = {}
    for path in sorted(dockerfiles):
        folder = path.removesuffix(f"/{TEMPLATE}")
        name = folder.rpartition("/")[2]
        if name in images:
            raise InputError(f"{folder} and {images[name].folder} are both called {name}")
        reference = f"{values['namespace']}/{values['image_prefix']}{name}:{values['tag']}"
        text, variables = dockerfiles[path]
        needs = read_needs(text, needs_by_digest)
        images[name] = KollaImage(name, folder, text, variables, needs, reference)
    if len(needs_by_digest) != count_before:
        digests = {hashlib.sha256(text.encode()).hexdigest() for text, _ in dockerfiles.values()}
        current = {digest: needs_by_digest[digest] for digest in sorted(digests)}
        save_entry(cache, f"kolla-parents-{label}", current)
    return images
