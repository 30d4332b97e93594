"""Turn the installed Kolla and a namespace's settings into images that hold their whole trees.

The Dockerfiles are those of `kolla-build --template-only`, byte for byte. Parents are read from
them by BuildKit's parser, since Kolla itself looks at the first FROM only.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from distgen.catalogue.imported import SourceImages, SourceRequest
from distgen.catalogue.sources.cache import load_entry, save_entry
from distgen.catalogue.sources.kolla.archives import CODE, absent
from distgen.catalogue.sources.kolla.options import Settled, settle
from distgen.catalogue.sources.kolla.package import why
from distgen.catalogue.sources.kolla.parents import BASE, Read, public, read
from distgen.catalogue.sources.kolla.render import TEMPLATE, Codes, Rendered, render
from distgen.catalogue.sources.source import SourceContext
from distgen.dockerfile.filename import DOCKERFILE
from distgen.errors import InputError
from distgen.model.catalogue import Image, Parent, TemplateFile
from distgen.model.rendered import Finding
from distgen.model.words import Origin
from distgen.tripleo.heat import parse_distinct, short_names

NAME = "kolla"
UNKNOWN, ENVIRONMENT = "DG110", "DG111"


@dataclass(frozen=True, slots=True)
class _Built:
    """A rendered image: its folder among Kolla's, its Dockerfile, and what that says."""

    name: str
    folder: str
    text: str
    variables: tuple[str, ...]
    read: Read
    reference: str


@dataclass(frozen=True, slots=True)
class _Set:
    """All that was rendered of one request, by name.

    `beside` are the files below each image's folder, `names` finds an image by its reference.
    """

    request: SourceRequest
    settled: Settled
    beside: Mapping[str, Mapping[str, Path]]
    built: Mapping[str, _Built]
    names: Mapping[str, str]


def images(request: SourceRequest, around: SourceContext) -> SourceImages:
    """Return Kolla's images for one stream of a namespace: those chosen, and their parents."""
    whole = _rendered(request, around)
    listed, unknown = _listed(whole)
    chosen = _chosen(whole, listed)
    found = tuple(_image(whole, name) for name in chosen)
    remarks = [remark for image in found for remark in _findings(whole, image)]
    # what a regex leaves out of the list is left out on purpose
    listed = listed if listed and not whole.settled.patterns else frozenset()
    if wanting := sorted({*unknown, *listed} - set(chosen)):
        remarks.append(_unknown(whole, found[0], wanting))
    return SourceImages(found, tuple(remarks))


def scan(folders: tuple[str, ...]) -> dict[str, Path]:
    """Return the files of Kolla's folders by path, later folders laid over earlier ones."""
    found: dict[str, Path] = {}
    for folder in folders:
        if not Path(folder).is_dir():
            raise InputError("docker_dir is not a folder", where=folder)
        for top, folders_below, names in os.walk(folder, followlinks=True):
            folders_below[:] = sorted(name for name in folders_below if name != ".git")
            inside = Path(top).relative_to(folder).as_posix()
            prefix = "" if inside == "." else f"{inside}/"
            found |= {prefix + name: Path(top, name) for name in names}
    return found


def _rendered(request: SourceRequest, around: SourceContext) -> _Set:
    label = f"{request.namespace.name}@{request.stream.name}"
    settled = settle(request, around.cache, label)
    files = scan(settled.folders)
    for name, path in settled.base_files.items():
        files[f"base/{name}"] = Path(path)
    pack = hashlib.sha256("\0".join(settled.folders).encode()).hexdigest()[:16]
    codes = Codes(load_entry(around.cache, f"kolla-templates-{pack}"), settled.release)
    texts = render(settled, files, around.environ, codes)
    if codes.new:
        save_entry(around.cache, f"kolla-templates-{pack}", codes.kept())
    built = _built(settled, texts, around.cache, label)
    names = {public(image.reference): name for name, image in built.items()}
    return _Set(request, settled, _beside(files, texts), built, names)


def _beside(files: Mapping[str, Path], templates: Iterable[str]) -> dict[str, dict[str, Path]]:
    """Return the build contexts by folder: all files but templates, as paths inside it."""
    found: dict[str, dict[str, Path]] = {path.rpartition("/")[0]: {} for path in templates}
    for path, place in files.items():
        above = path.rpartition("/")[0] if not path.endswith(f"/{TEMPLATE}") else ""
        while above:
            if above in found:
                found[above][path.removeprefix(f"{above}/")] = place
            above = above.rpartition("/")[0]
    return found


def _built(
    settled: Settled, texts: Mapping[str, Rendered], cache: Path | None, label: str
) -> dict[str, _Built]:
    known = load_entry(cache, f"kolla-parents-{label}") or {}
    before = len(known)
    values = settled.values
    found: dict[str, _Built] = {}
    for path in sorted(texts):
        folder = path.removesuffix(f"/{TEMPLATE}")
        name = folder.rpartition("/")[2]
        if name in found:
            raise InputError(f"{folder} and {found[name].folder} are both called {name}")
        reference = f"{values['namespace']}/{values['image_prefix']}{name}:{values['tag']}"
        text, variables = texts[path]
        found[name] = _Built(name, folder, text, variables, read(text, known), reference)
    if len(known) != before:
        used = {hashlib.sha256(text.encode()).hexdigest() for text, _ in texts.values()}
        save_entry(cache, f"kolla-parents-{label}", {key: known[key] for key in sorted(used)})
    return found


# --- which images ------------------------------------------------------------------------------


def _listed(whole: _Set) -> tuple[frozenset[str] | None, tuple[str, ...]]:
    """Return which images a container list wants, None without one, and those it wants in vain."""
    path = whole.request.options.get("container_list")
    if path is None:
        return None, ()
    place = whole.request.root / str(path)
    try:
        text = place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = f"container_list {path} cannot be read: {why(error)}"
        raise InputError(what, where=whole.request.origin) from error
    found, unknown = set(), []
    for entry in parse_distinct(text, str(path)):
        if entry.get("image_source", NAME) in (NAME, "tripleo"):
            names = short_names(entry["imagename"])
            name = next((name for name in names if name in whole.built), None)
            found.add(name) if name else unknown.append(names[-1])
    return frozenset(filter(None, found)), tuple(unknown)


def _chosen(whole: _Set, listed: frozenset[str] | None) -> list[str]:
    """Return the images that kolla-build would build, as its filter says, sorted by name."""
    settled, built = whole.settled, whole.built
    parents = {name: tuple(_parent_names(whole, name)) for name in built}
    barred = {name for name in built if _line(name, parents) & set(settled.unbuildable)}
    try:
        patterns = re.compile("|".join(settled.patterns).join("()"))
    except re.error as error:
        raise InputError(f"Kolla's regex is wrong: {error}", where=whole.request.origin) from error
    chosen = {
        member
        for name in built
        if name not in barred and patterns.search(name) and (listed is None or name in listed)
        for member in (name, *_line(name, parents))
    }
    if settled.skip_parents:
        chosen -= {parent for above in parents.values() for parent in above}
    if not chosen:
        raise InputError(
            "no image of Kolla matches its regex, profile or list", where=whole.request.origin
        )
    return sorted(chosen)


def _line(name: str, parents: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return an image and all it is built on."""
    found: set[str] = set()
    todo = [name]
    while todo:
        if (next_name := todo.pop()) not in found:
            found.add(next_name)
            todo += parents[next_name]
    return found


def _parent_names(whole: _Set, name: str) -> Iterator[str]:
    for _, word in whole.built[name].read.parents:
        if parent := whole.names.get(public(word)):
            yield parent


# --- records -----------------------------------------------------------------------------------


def _image(whole: _Set, name: str) -> Image:
    request, own = whole.request, whole.built[name]
    namespace, url = request.namespace, request.namespace.dist_git.url
    # the tag that Kolla's own FROM lines say comes first
    tags = dict.fromkeys((str(whole.settled.values["tag"]), *request.stream.tags))
    stream = replace(request.stream, tags=tuple(tags))
    return Image(
        namespace=namespace.name,
        name=name,
        stream=stream,
        description=f"Kolla's {name}",
        template=f"kolla:{own.folder}",
        parents=tuple(_parents(whole, own)),
        sources=(),
        downloads=(),
        values=request.options,
        layers=request.layers,
        files=tuple(_files(whole, own)),
        patches=(),
        reference=public(own.reference),
        url=url.replace("{namespace}", namespace.name).replace("{image}", name),
        origin=request.origin,
    )


def _parents(whole: _Set, own: _Built) -> Iterator[Parent]:
    namespace, stream = whole.request.namespace.name, whole.request.stream.name
    origin = Origin(f"kolla/{own.folder}/{TEMPLATE}")
    for role, word in sorted(own.read.parents, key=lambda parent: parent[0] != BASE):
        name = whole.names.get(public(word))
        key = f"{namespace}/{name}@{stream}" if name else None
        yield Parent(role, key, public(word), origin)


def _files(whole: _Set, own: _Built) -> Iterator[TemplateFile]:
    """Yield the build context: the Dockerfile and all that Kolla has beside its template."""
    source = f"kolla/{own.folder}"
    # named as rendered: a line of it is not that line of the template
    yield TemplateFile(DOCKERFILE, f"{source}/Dockerfile", own.text.encode(), False, False)
    for path, place in whole.beside[own.folder].items():
        if path != DOCKERFILE:
            yield _copied(path, f"{source}/{path}", place)
    yield from _patches(whole, own)


def _patches(whole: _Set, own: _Built) -> Iterator[TemplateFile]:
    """Yield an image's source patches; git keeps no empty folder, so one holds a .gitkeep."""
    if "patches" not in dict(own.read.taken):
        return
    folder = Path(whole.settled.values.get("patches_path") or os.devnull, own.name)
    series = folder / "series"
    if not series.is_file():
        yield TemplateFile("patches/.gitkeep", "", b"", False, False)
        return
    names = [line.strip() for line in series.read_text(encoding="utf-8").splitlines()]
    for name in dict.fromkeys(["series", *names]):
        if name and not name.startswith("#") and (folder / name).is_file():
            yield _copied(f"patches/{name}", str(folder / name), folder / name)


def _copied(path: str, source: str, place: Path) -> TemplateFile:
    with place.open("rb", buffering=0) as file:
        executable = bool(os.fstat(file.fileno()).st_mode & 0o100)
        return TemplateFile(path, source, file.readall(), False, executable)


def _unknown(whole: _Set, image: Image, names: list[str]) -> Finding:
    """Say which images a list wants that this Kolla does not have, of the first one it has."""
    path = str(whole.request.options["container_list"])
    values = whole.settled.values
    here = f"Kolla {whole.settled.release} for {values['base_distro']} on {values['base_arch']}"
    message = f"{here} has no image {', '.join(names)}"
    place = (image.full_name, image.stream.name, path, 1, 1)
    return Finding(*place, UNKNOWN, "warning", message, Origin(path, 1))


def _findings(whole: _Set, image: Image) -> Iterator[Finding]:
    own = whole.built[image.name]
    paths = {file.path for file in image.files}
    for line, message in absent(own.name, own.read, paths, whole.settled.archives):
        place = (image.full_name, image.stream.name, DOCKERFILE, line, 1)
        yield Finding(*place, CODE, "warning", message)
    if own.variables:
        message = f"its rendering asked the environment for {', '.join(own.variables)}"
        yield Finding(
            image.full_name, image.stream.name, DOCKERFILE, 1, 1, ENVIRONMENT, "info", message
        )
