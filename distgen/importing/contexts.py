"""Turn what was read into the build contexts of images: which Dockerfiles count, and for what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from distgen.dockerfile.filename import DOCKERFILE, is_dockerfile
from distgen.errors import DistgenError
from distgen.importing.records import ImageContext, ImportChoice, ReadRepository
from distgen.model.rendered import File
from distgen.model.words import EXECUTABLE, MANIFEST, REGULAR

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Site:
    """A Dockerfile that is imported: its folder, "" for the root, and its own name."""

    folder: str
    name: str

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.name}" if self.folder else self.name


def find_contexts(read: ReadRepository, choice: ImportChoice) -> tuple[ImageContext, ...]:
    """Return the contexts of the images in a repository or folder.

    Raise DistgenError where there is no Dockerfile, or where several could be meant.
    """
    paths = sorted({file.path for files in read.trees.values() for file in files})
    sites = _choose_sites(read, paths, choice)
    names = _names_of_sites(sites, read.name) if choice.each else {sites[0]: read.name}
    url = "" if choice.each else read.url
    return tuple(_make_context(read, site, names[site], url) for site in sites)


def _choose_sites(
    read: ReadRepository, paths: Sequence[str], choice: ImportChoice
) -> tuple[_Site, ...]:
    if choice.dockerfile:
        if choice.dockerfile not in paths:
            raise DistgenError(f"has no file {choice.dockerfile}", where=read.place)
        return (_site(choice.dockerfile),)
    candidates = [path for path in paths if is_dockerfile(path)]
    if not candidates:
        raise DistgenError(
            "has no Dockerfile", where=read.place, hint="name another file with --dockerfile"
        )
    if choice.each:
        return tuple(map(_site, candidates))
    if DOCKERFILE in candidates:
        return (_Site("", DOCKERFILE),)
    if len(candidates) > 1:
        more = f" and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else ""
        raise DistgenError(
            f"has several Dockerfiles: {', '.join(candidates[:_SHOWN])}{more}",
            where=read.place,
            hint="name one with --dockerfile, or import an image of each with --each",
        )
    if "/" in candidates[0]:
        raise DistgenError(
            f"has its Dockerfile in a folder, {candidates[0]}",
            where=read.place,
            hint=f"import that folder with --dockerfile {candidates[0]}",
        )
    return (_site(candidates[0]),)


def _site(path: str) -> _Site:
    folder, _, name = path.rpartition("/")
    return _Site(folder, name)


def _names_of_sites(sites: Iterable[_Site], root_name: str) -> Mapping[_Site, str]:
    """Return a name for each Dockerfile: that of its folder, the whole path where two share it."""
    names: dict[_Site, str] = {}
    for whole_path in (False, True):
        names = {site: _name_of_site(site, root_name, whole_path) for site in sites}
        if len({*names.values()}) == len(names):
            break
    return names


def _name_of_site(site: _Site, root_name: str, whole_path: bool) -> str:
    folder = site.folder.replace("/", "-") if whole_path else site.folder.rpartition("/")[2]
    variant = site.name
    for word in ("Dockerfile", "Containerfile", "dockerfile", "containerfile"):
        variant = variant.replace(word, "")
    variant = variant.strip("._-")
    return "-".join(filter(None, (folder or root_name, variant)))


def _make_context(read: ReadRepository, site: _Site, name: str, url: str) -> ImageContext:
    trees: dict[str, tuple[File, ...]] = {}
    notes: dict[str, None] = {}
    for stream, files in read.trees.items():
        by_path = dict(_files_below(files, site.folder))
        if site.name not in by_path:
            continue
        if by_path.pop(MANIFEST, None):
            notes[f"its {MANIFEST} is left out: distgen writes that itself"] = None
        notes |= dict.fromkeys(_put_dockerfile(by_path, site))
        trees[stream] = tuple(by_path[path] for path in sorted(by_path))
    url = "" if site.folder else url
    return ImageContext(read.place, name, trees, site.path, tuple(notes), url)


def _files_below(files: Iterable[File], folder: str) -> Iterator[tuple[str, File]]:
    prefix = f"{folder}/" if folder else ""
    for file in files:
        if file.path.startswith(prefix):
            path = file.path[len(prefix) :]
            yield path, File(path, file.content, file.mode) if prefix else file


def _put_dockerfile(files: dict[str, File], site: _Site) -> Iterator[str]:
    """Let the chosen file be the Dockerfile of a tree; yield what a user should know of that."""
    if site.name == DOCKERFILE:
        return
    was = "in place of the one that was there" if DOCKERFILE in files else "too"
    content, mode = files[site.name].content, files[site.name].mode
    if mode in (REGULAR, EXECUTABLE):
        files[DOCKERFILE] = File(DOCKERFILE, content, mode)
        yield f"{site.name} is written as {DOCKERFILE}, {was}"


def image_name(text: str) -> str:
    """Return the name of an image that the last part of a path or address stands for."""
    name = text.rstrip("/").rpartition("/")[2].rpartition(":")[2]
    return name.removesuffix(".git") or name
