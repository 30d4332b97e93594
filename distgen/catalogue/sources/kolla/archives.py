"""Name the files that kolla-build makes while it builds, and the commands that make them here."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from distgen.catalogue.sources.dockerfile_needs import DockerfileNeeds

MISSING_ARCHIVE = "DG109"
Archives = Mapping[str, Mapping[str, Any]]
_SUFFIX = "-archive"
_SETS = {"plugins": "plugin", "additions": "additions"}


def missing_archives(
    image: str, needs: DockerfileNeeds, paths: Collection[str], archives: Archives
) -> Iterator[tuple[int, str]]:
    """Yield line and message for each file that a Dockerfile takes and only a build would add."""
    for word, line in dict(needs.files).items():
        name = word.removeprefix("./").rstrip("/")
        if not name.endswith(_SUFFIX) or "://" in word or _is_present(name, paths):
            continue
        command = archive_command(image, name.removesuffix(_SUFFIX), archives)
        if command:
            problem = f"{name} is made by kolla-build and not in the repository"
            yield line, f"{problem}; make it: {command}"


def archive_command(image: str, name: str, archives: Archives) -> str:
    """Return the shell command that makes `<name>-archive` as kolla-build does, "" for none."""
    target = f"{name}{_SUFFIX}"
    if name in _SETS:
        prefix = f"{image}-{_SETS[name]}-"
        parts = [
            part
            for section in sorted(archives)
            if section.startswith(prefix) and archives[section]["enabled"]
            for part in _unpack_commands(archives[section], name)
        ]
        return " && ".join([f"mkdir -p {name}", *parts, f"tar -cf {target} {name}"])
    source = archives.get(name)
    return _pack_command(source, target) if source and source["enabled"] else ""


def _pack_command(source: Mapping[str, Any], target: str) -> str:
    place = shlex.quote(str(source["location"]))
    if source["type"] == "url":
        return f"curl -fL -o {target} {place}"
    if source["type"] == "local":
        folder, _, last = str(source["location"]).rstrip("/").rpartition("/")
        return f"tar -cf {target} -C {shlex.quote(folder or '.')} {shlex.quote(last)}"
    clone = shlex.quote(f"{target}-{str(source['reference']).replace('/', '-')}")
    return f"{_clone_command(source, clone)} && tar -cf {target} {clone}"


def _unpack_commands(source: Mapping[str, Any], folder: str) -> tuple[str, ...]:
    place = shlex.quote(str(source["location"]))
    if source["type"] == "url":
        return (f"curl -fL -o part.tar {place}", f"tar -xf part.tar -C {folder}", "rm part.tar")
    if source["type"] == "local":
        return (f"cp -r {place} {folder}/",)
    name = str(source["location"]).rstrip("/").rpartition("/")[2].removesuffix(".git")
    return (_clone_command(source, shlex.quote(f"{folder}/{name}")),)


def _clone_command(source: Mapping[str, Any], folder: str) -> str:
    place, reference = shlex.quote(str(source["location"])), shlex.quote(str(source["reference"]))
    return f"git clone {place} {folder} && git -C {folder} checkout {reference}"


def _is_present(name: str, paths: Collection[str]) -> bool:
    return any(fnmatchcase(path, name) or path.startswith(f"{name}/") for path in paths)
