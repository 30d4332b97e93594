"""Turn images into the library of bashbrew, a file an image, as its own parser writes them.

The format is that of `manifest/rfc2822.go` in https://github.com/docker-library/bashbrew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from distgen.dockerfile.parse import image_words, parse
from distgen.errors import InputError
from distgen.exports.records import (
    ExportFormat,
    ExportResult,
    FormatOption,
    MatrixEntry,
    Refusal,
    Selection,
)
from distgen.model.rendered import File

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
    maintainers = _maintainers(selection.options.get("maintainers", ""))
    refused = []
    entries: dict[str, list[MatrixEntry]] = {}
    for entry in selection.entries:
        if reason := _refusal(entry, selection.dockerfiles[entry.key]):
            refused.append(Refusal(entry.key, reason))
        else:
            entries.setdefault(entry.image, []).append(entry)
    files = []
    for image in sorted(entries):
        namespace, _, name = image.partition("/")
        streams = sorted(entries[image], key=lambda entry: entry.stream)
        first = {"Maintainers": maintainers, "GitRepo": streams[0].repository}
        paragraphs = [first, *(dict(_fields(entry)) for entry in streams)]
        text = "\n\n".join(map(_format_paragraph, paragraphs)) + "\n"
        files.append(File(f"{namespace}/library/{name}", text.encode()))
    return ExportResult(tuple(files), tuple(refused))


def _maintainers(text: str) -> str:
    """Return the maintainers as bashbrew's parser writes them; raise InputError for others."""
    # A comma ends a maintainer even within a name, and a line break would begin another field.
    maintainers = [part.strip() for part in text.split(",")]
    for maintainer in maintainers:
        if not _MAINTAINER.fullmatch(maintainer) or not maintainer.isprintable():
            raise InputError(
                f"{maintainer!r} is not a maintainer" if maintainer else "bashbrew needs one",
                where="--maintainers",
                hint="write NAME <MAIL> (@HANDLE), with commas between several",
            )
    return ", ".join(" ".join(maintainer.split()) for maintainer in maintainers)


def _refusal(entry: MatrixEntry, dockerfile: str) -> str:
    """Return what of an image bashbrew could not be told, "" where there is nothing."""
    parsed = parse(dockerfile)
    for word, line, how, _ in image_words(parsed):
        if "@" in word:
            return (
                f"line {line} of its Dockerfile has a digest ({how} {word}), and bashbrew knows "
                "images by their tags"
            )
    for platform in entry.platforms:
        if platform not in ARCHITECTURES:
            return f"bashbrew has no architecture for its platform {platform}"
    if not _FETCHED.fullmatch(f"refs/heads/{entry.branch}"):
        return f"bashbrew does not fetch a branch that is called {entry.branch}"
    return "" if entry.tags else "its stream has no tags"


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


FORMAT = ExportFormat(
    name="bashbrew",
    place="beside",
    summary="A library for bashbrew: the published commit of each image, with its tags.",
    write=write_bashbrew,
    needs=frozenset({"commits", "dockerfiles"}),
    options=(
        FormatOption(
            "maintainers",
            "TEXT",
            "Who is named in each file: NAME <MAIL> (@HANDLE), with commas between several.",
        ),
    ),
)
