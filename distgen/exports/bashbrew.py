"""Turn images into the library of bashbrew, a file an image, as its own parser writes them.

The format is that of `manifest/rfc2822.go` in https://github.com/docker-library/bashbrew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from distgen.dockerfile.parse import Dockerfile, image_words, parse
from distgen.errors import InputError
from distgen.exports.records import (
    ExportFormat,
    ExportResult,
    FormatOption,
    MatrixEntry,
    RefusedImage,
    Selection,
)
from distgen.exports.repository_records import Demand, RepositoryFile, RepositoryFormat
from distgen.model.catalogue import Image, Namespace
from distgen.model.export_settings import ExportSettings
from distgen.model.lock import Lock
from distgen.model.rendered import File

NAME, RIVAL = "bashbrew", "osbs"
_KEY = "maintainers"
ARCHITECTURES = {
    "linux/386": "i386",
    "linux/amd64": "amd64",
    "linux/arm/v5": "arm32v5",
    "linux/arm/v6": "arm32v6",
    "linux/arm": "arm32v7",
    "linux/arm/v7": "arm32v7",
    "linux/arm64": "arm64v8",
    "linux/arm64/v8": "arm64v8",
    "linux/mips64le": "mips64le",
    "linux/ppc64le": "ppc64le",
    "linux/riscv64": "riscv64",
    "linux/s390x": "s390x",
    "windows/amd64": "windows-amd64",
}
"""What bashbrew calls platforms (`architecture/oci-platform.go`)."""
_MAINTAINER = re.compile(r"[^\s<>()][^<>()]*(?:\s+<[^\s<>()]+>)?\s+\(@[^\s<>()]+\)")
_FETCHED = re.compile(r"refs/heads/[^*?:]+")
_DEFAULT_FETCH = "refs/heads/master"


def write_bashbrew(selection: Selection) -> ExportResult:
    """Return a file for each image, with an entry for each of its streams."""
    option = selection.options.get("maintainers", "")
    # A comma ends a maintainer even within a name.
    for_all = tuple(_maintainer(part, "--maintainers") for part in option.split(",") if option)
    maintainers = {
        image.full_name: for_all or _own_maintainers(image) for image in selection.images
    }
    refused = []
    entries: dict[str, list[MatrixEntry]] = {}
    for entry in selection.entries:
        if reason := _refusal(entry, selection.dockerfiles[entry.key]):
            refused.append(RefusedImage(entry.key, reason))
        else:
            entries.setdefault(entry.image, []).append(entry)
    files = []
    for image in sorted(entries):
        namespace, _, name = image.partition("/")
        streams = sorted(entries[image], key=lambda entry: entry.stream)
        first = {"Maintainers": ", ".join(maintainers[image]), "GitRepo": streams[0].repository}
        paragraphs = [first, *(dict(_fields(entry)) for entry in streams)]
        text = "\n\n".join(map(_format_paragraph, paragraphs)) + "\n"
        files.append(File(f"{namespace}/library/{name}", text.encode()))
    return ExportResult(tuple(files), tuple(refused))


def _own_maintainers(image: Image) -> tuple[str, ...]:
    """Return the maintainers that the catalogue names; raise InputError where it names none."""
    own = (settings for settings in image.exports if settings.format == NAME)
    names = tuple(name for settings in own for name in settings.values.get(_KEY) or ())
    if not names:
        raise InputError(
            f"{image.full_name} has no maintainer, and bashbrew needs one",
            hint="name one with --maintainers, or in the namespace: "
            f"`exports: [{NAME}]` and `{NAME}: {{{_KEY}: [...]}}`",
        )
    return tuple(_maintainer(name, image.origin) for name in names)


def _maintainer(text: str, where: object) -> str:
    """Return a maintainer as bashbrew's parser writes it; raise InputError for another."""
    words = text.strip()
    # A line break would begin another field.
    if not _MAINTAINER.fullmatch(words) or "," in words or not words.isprintable():
        raise InputError(
            f"{words!r} is not a maintainer", where=where, hint="write NAME <MAIL> (@HANDLE)"
        )
    return " ".join(words.split())


def _refusal(entry: MatrixEntry, dockerfile: str) -> str:
    """Return what of an image bashbrew could not be told, "" where there is nothing."""
    for demand in check_digests((), parse(dockerfile)):
        return f"line {demand.line} of its Dockerfile {demand.message}"
    for platform in entry.platforms:
        if platform not in ARCHITECTURES:
            return f"bashbrew has no architecture for its platform {platform}"
    if not _FETCHED.fullmatch(f"refs/heads/{entry.branch}"):
        return f"bashbrew does not fetch a branch that is called {entry.branch}"
    return "" if entry.tags else "its stream has no tags"


def check_digests(paths: Iterable[str], dockerfile: Dockerfile) -> Iterator[Demand]:
    """Yield what names an image by its digest: bashbrew would not find it among its own."""
    for word, line, how, _ in image_words(dockerfile):
        if "@" in word:
            message = f"has a digest ({how} {word}), and bashbrew knows images by their tags"
            yield Demand(line, message)


def refuse_settings(image: Image, namespace: Namespace, settings: ExportSettings) -> None:
    """Raise InputError for a rival among the downstreams, and for bad names of maintainers."""
    if RIVAL in namespace.exports:
        raise InputError(
            f"`exports` holds both `{NAME}` and `{RIVAL}`: one wants tags alone, the other digests",
            where=settings.origin(),
            hint="take one of them out, or make a namespace for each",
        )
    for index, name in enumerate(settings.values.get(_KEY) or ()):
        _maintainer(name, settings.origin(_KEY, index))


def write_nothing(image: Image, settings: ExportSettings, lock: Lock) -> Iterable[RepositoryFile]:
    """Return no files: they would name the commit that they are in."""
    return ()


def _fields(entry: MatrixEntry) -> Iterator[tuple[str, str]]:
    """Yield the fields of an entry in bashbrew's order, without those that are its defaults."""
    yield "Tags", ", ".join(entry.tags)
    if entry.platforms:
        yield "Architectures", ", ".join(sorted({ARCHITECTURES[name] for name in entry.platforms}))
    if f"refs/heads/{entry.branch}" != _DEFAULT_FETCH:
        yield "GitFetch", f"refs/heads/{entry.branch}"
    yield "GitCommit", entry.commit
    if entry.path != ".":
        yield "Directory", entry.path


def _format_paragraph(fields: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in fields.items())


REPOSITORY_FORMAT = RepositoryFormat(
    name=NAME,
    summary="No files; images are named by their tags alone, as bashbrew wants.",
    refuse=refuse_settings,
    write=write_nothing,
    check=check_digests,
)
FORMAT = ExportFormat(
    name=NAME,
    place="beside",
    summary="A library for bashbrew: the published commit of each image, with its tags.",
    write=write_bashbrew,
    needs=frozenset({"commits", "dockerfiles"}),
    options=(
        FormatOption(
            "maintainers",
            "TEXT",
            "Who is named in each file: NAME <MAIL> (@HANDLE), with commas between several; the "
            "namespaces say it without it.",
        ),
    ),
)
