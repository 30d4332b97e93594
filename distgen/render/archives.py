"""Complete the tree of an image whose original build tool would add archives of sources.

Where the build itself can fetch an archive that the lock pins, the line that adds it becomes a
step that fetches and checks it. All others are in SOURCES, a list that is a shell script as well.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from distgen.dockerfile.filename import DOCKERFILE
from distgen.git.refs import is_commit_id
from distgen.model.archives import Archive, ArchivePart
from distgen.model.catalogue import Image, TemplateFile
from distgen.model.lock import Lock

if TYPE_CHECKING:
    from distgen.render.compiled import CompiledFile

SOURCES = "SOURCES"
_WORK = ".sources"
_FETCHED = "/tmp/archive"
_HEADER = """\
# What the Dockerfile adds and this repository does not hold. Run `sh SOURCES` in a clone:
# it fetches each archive and checks it, and then any builder can build the image.
set -eu
rm -rf {work} && mkdir {work}
trap 'rm -rf {work}' EXIT
"""
_TAR = "tar --sort=name --owner=root:0 --group=root:0 --mtime=@0 --mode=u+w"


def unfetched_archives(image: Image, lock: Lock) -> tuple[Archive, ...]:
    """Return the archives that a build needs and that neither it nor the image's files bring."""
    paths = {file.path for file in image.files}
    absent = (archive for archive in image.archives if archive.path not in paths)
    return tuple(a for a in absent if not (a.in_build and is_pinned(a, image, lock)))


def is_pinned(archive: Archive, image: Image, lock: Lock) -> bool:
    """Tell whether the commit or checksum of each part of an archive is known."""
    return not archive.problem and all(_pin(part, image, lock) for part in archive.parts)


def archive_files(
    image: Image, lock: Lock, files: Mapping[str, CompiledFile]
) -> Iterator[TemplateFile]:
    """Yield the Dockerfile that fetches archives, and SOURCES for those that it does not fetch."""
    if not image.archives or DOCKERFILE not in files:
        return
    missing = {archive.path for archive in unfetched_archives(image, lock)}
    absent = [archive for archive in image.archives if archive.path not in files]
    dockerfile = files[DOCKERFILE].source
    text = dockerfile.content.decode("utf-8", "replace")
    for archive in absent:
        if archive.path not in missing:
            line = None if dockerfile.is_rendered else _add_line(archive).search(text)
            if line is None:
                missing.add(archive.path)
                continue
            step = _fetch_step(archive, line[1].rstrip("/"), image, lock)
            text = f"{text[: line.start()]}{step}{text[line.end() :]}"
    if len(missing) < len(absent):
        yield replace(dockerfile, content=text.encode())
    listed = [archive for archive in absent if archive.path in missing]
    if listed and SOURCES not in files:
        content = _sources(listed, image, lock).encode()
        source = f"{dockerfile.source.rpartition('/')[0]}/{SOURCES}"
        yield TemplateFile(SOURCES, source, content, False, False)


def _fetch_step(archive: Archive, target: str, image: Image, lock: Lock) -> str:
    """Return the instruction that fetches an archive and unpacks it where ADD would."""
    if archive.folder:
        folder = f"{target}/{archive.folder}"
        commands = [f"mkdir -p {shlex.quote(folder)}"]
        commands += _fill_commands(archive.parts, folder, image, lock)
    elif archive.parts[0].kind == "git":
        commands = [*_clone_commands(archive.parts[0], target, image, lock)]
    else:
        place = shlex.quote(target)
        commands = [*_curl_commands(archive.parts[0], _FETCHED, image, lock)]
        # As ADD does: what is no archive is the file itself.
        commands.append(
            f"if tar -tf {_FETCHED} > /dev/null 2>&1;"
            f" then mkdir -p {place} && tar -xf {_FETCHED} -C {place} && rm {_FETCHED};"
            f" else mv {_FETCHED} {place}; fi"
        )
    return "RUN " + " \\\n    && ".join(commands)


def _add_line(archive: Archive) -> re.Pattern[str]:
    path = re.escape(archive.path)
    return re.compile(rf"^ADD[ \t]+(?:\./)?{path}[ \t]+([^\s\\$\[\]\"']+)[ \t]*$", re.M | re.I)


def _sources(archives: Sequence[Archive], image: Image, lock: Lock) -> str:
    """Return a shell script that makes archives; what nobody can fetch comes last."""
    lines = [_HEADER.format(work=_WORK).rstrip("\n")]
    for archive in archives:
        if not archive.problem:
            pinned = "" if is_pinned(archive, image, lock) else ", not pinned: run `distgen lock`"
            lines += ["", f"# {archive.path}{pinned}", *_make_commands(archive, image, lock)]
    for archive in archives:
        if archive.problem:
            message = shlex.quote(f"{SOURCES}: {archive.path} cannot be fetched: {archive.problem}")
            lines += ["", f"echo {message} >&2", "failed=1"]
    if any(archive.problem for archive in archives):
        lines.append("exit $failed")
    return "".join(f"{line}\n" for line in lines)


def _make_commands(archive: Archive, image: Image, lock: Lock) -> Iterator[str]:
    """Yield the commands that make an archive in the current folder, as kolla-build does."""
    path, place = shlex.quote(archive.path), shlex.quote(f"{_WORK}/{archive.path}")
    part = archive.parts[0] if archive.parts else None
    if archive.folder or part is None:
        folder = f"{_WORK}/{archive.folder}"
        yield f"mkdir {folder}"
        yield from _fill_commands(archive.parts, folder, image, lock)
        yield f"{_TAR} -C {_WORK} -cf {place} {archive.folder}"
    elif part.kind == "git":
        yield from _clone_commands(part, _WORK, image, lock)
        yield f"{_TAR} -C {_WORK} -cf {place} {shlex.quote(part.clone)}"
    else:
        yield from _curl_commands(part, f"{_WORK}/{archive.path}", image, lock)
    yield f"mv {place} {path}"


def _fill_commands(
    parts: Sequence[ArchivePart], folder: str, image: Image, lock: Lock
) -> Iterator[str]:
    """Yield the commands that put each part into a folder."""
    temporary = f"{folder}.part"
    for part in parts:
        if part.kind == "git":
            yield from _clone_commands(part, folder, image, lock)
            continue
        yield from _curl_commands(part, temporary, image, lock)
        yield f"tar -xf {shlex.quote(temporary)} -C {shlex.quote(folder)}"
        yield f"rm {shlex.quote(temporary)}"


def _clone_commands(part: ArchivePart, folder: str, image: Image, lock: Lock) -> Iterator[str]:
    """Yield the commands that clone a repository, with the history that versions are read from."""
    source = next(source for source in image.sources if source.name == part.name)
    clone = shlex.quote(f"{folder}/{part.clone}")
    checkout = shlex.quote(_pin(part, image, lock) or source.ref)
    yield f"git clone -q {shlex.quote(source.git)} {clone}"
    yield f"git -C {clone} checkout -q {checkout}"
    yield f"git -C {clone} remote remove origin"


def _curl_commands(part: ArchivePart, file: str, image: Image, lock: Lock) -> Iterator[str]:
    """Yield the commands that fetch a file, and compare its checksum where one is known."""
    yield f"curl -fsSL --retry 3 -o {shlex.quote(file)} {shlex.quote(part.location)}"
    if sha256 := _pin(part, image, lock):
        yield f"echo {shlex.quote(f'{sha256}  {file}')} | sha256sum -c -"


def _pin(part: ArchivePart, image: Image, lock: Lock) -> str:
    """Return the commit or checksum of a part, "" where nobody has said it."""
    if part.kind == "url":
        return part.sha256 or lock.downloads.get(part.location, "")
    source = next((source for source in image.sources if source.name == part.name), None)
    if source is None or source.changes:
        return ""
    entry = lock.sources.get((source.git, source.ref))
    if entry is not None:
        return entry.commit
    return source.ref if is_commit_id(source.ref) else ""
