"""A file of a library as bashbrew reads it, and stricter: it ignores fields that it does not know.

The rules and sentences are those of `manifest/rfc2822.go` and `architecture/oci-platform.go` of
https://github.com/docker-library/bashbrew, and of the reader of Debian's control files below it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

FIELDS = (
    *("Maintainers", "Tags", "SharedTags", "Architectures", "GitRepo", "GitFetch", "GitCommit"),
    *("Directory", "File", "Builder", "Constraints"),
)
OF_ONE_ARCHITECTURE = ("GitRepo", "GitFetch", "GitCommit", "Directory", "File", "Builder")
ARCHITECTURES = (
    *("amd64", "arm32v5", "arm32v6", "arm32v7", "arm64v8", "i386", "mips64le", "ppc64le"),
    *("riscv64", "s390x", "windows-amd64"),
)
BUILDERS = ("", "buildkit", "classic", "oci-import")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
FETCH = re.compile(r"refs/(heads|tags)/[^*?:]+")
TAG = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}")
MAINTAINER = re.compile(r"[^\s<>()][^<>()]*(?:\s+<[^\s<>()]+>)?\s+[(]@[^\s<>()]+[)]")


class BadLibrary(ValueError):
    """What bashbrew says of a file that it does not take."""


@dataclass(frozen=True)
class Entry:
    """A paragraph; what it does not say itself it has from the first one, or by default."""

    tags: tuple[str, ...] = ()
    shared_tags: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ("amd64",)
    values: Mapping[str, str] = field(
        default_factory=lambda: {
            "GitFetch": "refs/heads/master",
            "Directory": ".",
            "File": "Dockerfile",
        }
    )

    def artifacts(self) -> tuple[object, ...]:
        """Return what two entries have in common that bashbrew makes one of."""
        return (self.architectures, sorted(self.values.items()))


def read_library(text: str) -> list[Entry]:
    """Return the entries of a file; raise BadLibrary for one that bashbrew would not take."""
    paragraphs = list(_paragraphs(text))
    if not paragraphs or not _split(paragraphs[0].get("Maintainers", "")):
        raise BadLibrary("missing Maintainers")
    if "Tags" in paragraphs[0]:
        raise BadLibrary("global Tags not permitted")
    first = _read(paragraphs[0], Entry())
    entries: list[Entry] = []
    for paragraph in paragraphs[1:]:
        _add(entries, _read(paragraph, first))
    return entries


def _paragraphs(text: str) -> Iterator[dict[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    paragraph: dict[str, str] = {}
    name = ""
    for line in [*lines, ""]:
        if not line:
            if paragraph:
                yield paragraph
            paragraph = {}
        elif line[0] in " \t":
            if not paragraph:
                raise BadLibrary(f"a continuation of nothing: {line!r}")
            paragraph[name] += "\n" + line.strip()
        elif ":" not in line:
            raise BadLibrary(f"Bad line: '{line}' has no ':'")
        else:
            name, _, value = line.partition(":")
            if name in paragraph:
                raise BadLibrary(f"{name} is there twice")
            paragraph[name] = value.strip()


def _split(value: str) -> tuple[str, ...]:
    words = [word.strip() for word in value.split(",")]
    return tuple(words) if value.strip() else ()


def _read(paragraph: Mapping[str, str], first: Entry) -> Entry:
    for name in paragraph:
        arch, _, rest = name.rpartition("-")
        if name not in FIELDS and not (arch in ARCHITECTURES and rest in OF_ONE_ARCHITECTURE):
            raise BadLibrary(f"unknown field {name}")
    for maintainer in _split(paragraph.get("Maintainers", "")):
        if not MAINTAINER.fullmatch(maintainer):
            raise BadLibrary(f"invalid Maintainers: {maintainer!r}")
    architectures = tuple(sorted(set(_split(paragraph.get("Architectures", "")))))
    for name in architectures:
        if name not in ARCHITECTURES:
            raise BadLibrary(f"invalid Architectures: {name!r}")
    lists = ("Maintainers", "Tags", "SharedTags", "Architectures")
    own = {name: value for name, value in paragraph.items() if name not in lists and value}
    own |= {
        name: posixpath.normpath(value) for name, value in own.items() if name.endswith("Directory")
    }
    if own.get("Builder", "") not in BUILDERS:
        raise BadLibrary(f"unknown Builder {own['Builder']!r}")
    return replace(
        first,
        tags=_split(paragraph.get("Tags", "")),
        shared_tags=tuple(dict.fromkeys(_split(paragraph.get("SharedTags", ""))))
        or first.shared_tags,
        architectures=architectures or first.architectures,
        values={**first.values, **own},
    )


def _add(entries: list[Entry], entry: Entry) -> None:
    values = entry.values
    if not FETCH.fullmatch(values["GitFetch"]):
        raise BadLibrary(f"invalid GitFetch: {values['GitFetch']!r}")
    if not COMMIT.fullmatch(values.get("GitCommit", "")):
        raise BadLibrary("invalid GitCommit (must be a commit, not a tag or ref)")
    if not entry.tags:
        raise BadLibrary("missing Tags")
    if "GitRepo" not in values:
        raise BadLibrary("missing one of GitRepo, GitFetch, or GitCommit")
    for tag in (*entry.tags, *entry.shared_tags):
        if not TAG.fullmatch(tag):
            raise BadLibrary(f"invalid (Shared)Tags: {tag!r}")
    _refuse_duplicates(entries, entry)
    for i, other in enumerate(entries):
        if other.artifacts() == entry.artifacts():
            shared = dict.fromkeys((*other.shared_tags, *entry.shared_tags))
            tags = (*other.tags, *entry.tags)
            entries[i] = replace(other, tags=tags, shared_tags=tuple(shared))
            return
    entries.append(entry)


def _refuse_duplicates(entries: Sequence[Entry], entry: Entry) -> None:
    seen: set[str] = set()
    for tag in entry.tags:
        if tag in seen or any(tag in other.tags for other in entries):
            raise BadLibrary(f"duplicate tag: {tag!r}")
        if any(tag in other.shared_tags for other in entries):
            raise BadLibrary(f"tag conflicting with a shared tag: {tag!r}")
        seen.add(tag)
    for tag in entry.shared_tags:
        if tag in seen or any(tag in other.tags for other in entries):
            raise BadLibrary(f"conflicting shared tag: {tag!r}")
