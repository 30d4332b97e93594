"""Say where the files come from that kolla-build makes while it builds: archives of sources."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from distgen.catalogue.sources.dockerfile_needs import DockerfileNeeds
from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.parse import copy_sources, parse
from distgen.errors import InputError
from distgen.model.archives import Archive, ArchivePart
from distgen.model.catalogue import Download, Source, TemplateFile
from distgen.model.words import Origin
from distgen.schema.formats import CHECKS, git_ref, git_url, web_url

Archives = Mapping[str, Mapping[str, Any]]
FindOrigin = Callable[[str], Origin]
MANIFEST, FETCH = "manifest", "fetch"
_SUFFIX = "-archive"
_SETS = {"plugins": "plugin", "additions": "additions"}
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_ROOT = frozenset(("root", "0"))
_PROGRAMS = {"git": "git", "url": "curl"}


def read_archives(
    image: str, needs: DockerfileNeeds, paths: Collection[str], sections: Archives, arch: str
) -> Iterator[Archive]:
    """Yield the archives that a Dockerfile takes and no file of the image is.

    `sections` are those of Kolla's configuration, `arch` is what Debian calls the architecture.
    """
    for word in dict.fromkeys(word for word, _ in needs.files):
        path = word.removeprefix("./").rstrip("/")
        if not path.endswith(_SUFFIX) or "://" in word or _is_present(path, paths):
            continue
        name = path.removesuffix(_SUFFIX)
        if name in _SETS:
            prefix = f"{image}-{_SETS[name]}-"
            names = [section for section in sorted(sections) if section.startswith(prefix)]
            enabled = [section for section in names if sections[section]["enabled"]]
            parts = (_part(section, sections[section], arch) for section in enabled)
            yield Archive(path, tuple(parts), folder=name)
        elif name in sections:
            yield Archive(path, (_part(name, sections[name], arch),))


def fetches_in_build(archive: Archive, lineage: Sequence[str]) -> bool:
    """Tell whether the build can fetch an archive where a Dockerfile adds it.

    `lineage` are the texts of Dockerfiles, the image's own first, then that of what it is built on.
    """
    dockerfile = parse(lineage[0])
    instructions = [step for stage in dockerfile.stages for step in stage.instructions]
    place = next((at for at, step in enumerate(instructions) if _takes(step, archive.path)), None)
    if place is None or len(dockerfile.stages) != 1 or archive.problem:
        return False
    steps = [*instructions[:place][::-1]]
    for text in lineage[1:]:
        stages = parse(text).lineage
        steps += [step for stage in stages for step in reversed(stage.instructions)]
    user = next((step.value[0] for step in steps if step.cmd == "USER" and step.value), "root")
    runs = [step.original for step in steps if step.cmd == "RUN"]
    programs = {_PROGRAMS[part.kind] for part in archive.parts}
    return user.partition(":")[0] in _ROOT and all(
        any(re.search(rf"\b{program}\b", run) for run in runs) for program in programs
    )


def archive_sources(
    archives: Iterable[Archive], sections: Archives, find_origin: FindOrigin
) -> tuple[Source, ...]:
    """Return the git sources that archives are made of; `find_origin` says where one is set."""
    parts = _fetchable_parts(archives)
    return tuple(
        Source(name, part.location, str(sections[name]["reference"]), find_origin(name))
        for name, part in parts.items()
        if part.kind == "git"
    )


def archive_downloads(archives: Iterable[Archive], find_origin: FindOrigin) -> tuple[Download, ...]:
    """Return the files that archives are made of and that no checksum is known of."""
    return tuple(
        Download(name, part.location, find_origin(name))
        for name, part in _fetchable_parts(archives).items()
        if part.kind == "url" and not part.sha256
    )


def empty_set(folder: str) -> TemplateFile:
    """Return the archive of a set of plugins or additions that has none: an empty folder."""
    member = tarfile.TarInfo(folder)
    member.type, member.mode = tarfile.DIRTYPE, 0o755
    member.uname = member.gname = "root"
    content = member.tobuf(tarfile.USTAR_FORMAT).ljust(tarfile.RECORDSIZE, b"\0")
    return TemplateFile(f"{folder}{_SUFFIX}", "", content, False, False)


def archive_mode(options: Mapping[str, Any], origin: Origin) -> str:
    """Return what a namespace says of archives: MANIFEST lists them, FETCH lets builds fetch."""
    word = str(options.get("archives", MANIFEST))
    if word not in (MANIFEST, FETCH):
        raise InputError(
            f"`{word}` is no way to bring archives",
            where=origin,
            hint=f"write {MANIFEST} or {FETCH}",
        )
    return word


def _fetchable_parts(archives: Iterable[Archive]) -> dict[str, ArchivePart]:
    parts = (part for archive in archives for part in archive.parts)
    return {part.name: part for part in parts if not part.problem}


def _takes(step: Instruction, path: str) -> bool:
    words = copy_sources(step) if step.cmd == "ADD" else ()
    return path in {word.removeprefix("./") for word in words}


def _part(section: str, source: Mapping[str, Any], arch: str) -> ArchivePart:
    kind, location = str(source["type"]), str(source["location"])
    sha256 = ""
    if kind == "url":
        # Kolla's own configuration has the checksums of what is released as a file.
        sha256 = str((source.get("sha256") or {}).get(arch, ""))
    clone = ""
    if kind == "git":
        clone = f"{section}{_SUFFIX}-{str(source['reference']).replace('/', '-')}"
    problem = _problem(section, source)
    if sha256 and (wrong := CHECKS["sha256"](sha256)):
        problem = problem or f"the sha256 of {section} {wrong}"
    return ArchivePart(section, "git" if kind == "git" else "url", location, sha256, clone, problem)


def _problem(section: str, source: Mapping[str, Any]) -> str:
    """Return why a source cannot be fetched elsewhere."""
    location = str(source["location"])
    if not _NAME.fullmatch(section):
        return f"{section!r} is not a name that a file can have"
    if not source["enabled"]:
        return f"{section} is not enabled in Kolla's configuration"
    if source["type"] == "local":
        place = location if location.isprintable() else repr(location)
        return f"{section} is {place} on the machine that runs kolla-build"
    if source["type"] == "url":
        wrong = web_url(location)
        return f"the location of {section} {wrong}" if wrong else ""
    if wrong := git_url(location):
        return f"the location of {section} {wrong}"
    if source["reference"] is None:
        return f"{section} has no reference"
    wrong = git_ref(str(source["reference"]))
    return f"the reference of {section} {wrong}" if wrong else ""


def _is_present(name: str, paths: Collection[str]) -> bool:
    return any(fnmatchcase(path, name) or path.startswith(f"{name}/") for path in paths)
