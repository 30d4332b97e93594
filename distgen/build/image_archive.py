"""Read an image that an engine saved: its configuration, and its files as a container sees them.

https://github.com/moby/docker-image-spec, `docker save`: a tar file of layers and a manifest.
Nothing is unpacked: links of the image lead nowhere but into the image.
"""

from __future__ import annotations

import json
import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distgen.errors import DistgenError

MOST_BYTES = 1 << 24
"""Of a file that is looked into."""
_MOST_LINKS = 40
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file of an image as its layer has it; `target` is where a link leads."""

    kind: bytes
    permissions: int
    uid: int
    gid: int
    target: str
    layer: str
    member: str


@dataclass(frozen=True, slots=True)
class SavedImage:
    """An archive, the configuration in it, and its files by path without a slash in front."""

    archive: Path
    config: Mapping[str, Any]
    files: Mapping[str, ImageFile] = field(repr=False)


def read_archive(archive: Path) -> SavedImage:
    """Read what an engine saved; the archive is read again for what files hold."""
    try:
        with tarfile.open(archive) as outer:
            (manifest,) = json.loads(_read_member(outer, "manifest.json"))
            config = json.loads(_read_member(outer, manifest["Config"])).get("config") or {}
            files: dict[str, ImageFile] = {}
            for layer in manifest["Layers"]:
                _lay_over(files, layer, _read_layer(outer, layer))
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise DistgenError(f"the saved image cannot be read: {error}") from None
    return SavedImage(archive, config, files)


def find_file(image: SavedImage, path: str, *, follow: bool) -> ImageFile | None:
    """Return the file at a path, None without one; `follow` a link that stands there itself."""
    root = ImageFile(tarfile.DIRTYPE, 0o755, 0, 0, "", "", "")
    file: ImageFile | None = root
    here, ahead, links = "", _parts(path), 0
    while ahead and file is not None:
        name, *ahead = ahead
        here = posixpath.normpath(posixpath.join("/", here, name)).strip("/")
        file = image.files.get(here) if here else root
        if file is not None and file.kind == tarfile.SYMTYPE and (ahead or follow):
            links += 1
            if links > _MOST_LINKS:
                return None
            ahead = [*_parts(file.target), *ahead]
            here = "" if file.target.startswith("/") else posixpath.dirname(here)
    return file


def read_file(image: SavedImage, path: str) -> bytes | None:
    """Return what a file holds, None where there is no such file; links are followed."""
    file = find_file(image, path, follow=True)
    if file is not None and file.kind == tarfile.LNKTYPE:
        file = find_file(image, file.target, follow=True)
    if file is None or file.kind not in tarfile.REGULAR_TYPES:
        return None
    with tarfile.open(image.archive) as outer, _open_layer(outer, file.layer) as layer:
        return _read_member(layer, file.member)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _lay_over(
    files: dict[str, ImageFile], name: str, members: Mapping[str, tarfile.TarInfo]
) -> None:
    """Lay a layer over those below it; whiteouts take away what these have."""
    for path in members:
        folder, base = posixpath.split(path)
        if base == _OPAQUE:
            _remove(files, folder, itself=False)
        elif base.startswith(_WHITEOUT):
            _remove(files, posixpath.join(folder, base.removeprefix(_WHITEOUT)), itself=True)
    for path, member in members.items():
        if posixpath.basename(path).startswith(_WHITEOUT):
            continue
        if not member.isdir():
            _remove(files, path, itself=True)
        _add_folders(files, path, name)
        files[path] = ImageFile(
            member.type, member.mode & 0o7777, member.uid, member.gid, member.linkname,
            name, member.name,
        )  # fmt: skip


def _add_folders(files: dict[str, ImageFile], path: str, layer: str) -> None:
    """Add the folders above a path that no layer lists, as engines make them."""
    while (path := posixpath.dirname(path)) and path not in files:
        files[path] = ImageFile(tarfile.DIRTYPE, 0o755, 0, 0, "", layer, path)


def _remove(files: dict[str, ImageFile], path: str, *, itself: bool) -> None:
    if itself and path in files and files[path].kind != tarfile.DIRTYPE:
        del files[path]  # the usual case: a file, below which there is nothing
    elif path in files or not path:
        prefix = f"{path}/" if path else ""
        for other in [other for other in files if other.startswith(prefix)]:
            del files[other]
        if itself:
            files.pop(path, None)


def _read_layer(outer: tarfile.TarFile, name: str) -> Mapping[str, tarfile.TarInfo]:
    with _open_layer(outer, name) as layer:
        members = {posixpath.normpath(f"/{info.name}").strip("/"): info for info in layer}
    members.pop("", None)
    return members


@contextmanager
def _open_layer(outer: tarfile.TarFile, name: str) -> Iterator[tarfile.TarFile]:
    stream = outer.extractfile(name)
    if stream is None:
        raise DistgenError(f"the saved image lacks the layer {name}")
    with stream, tarfile.open(fileobj=stream) as layer:
        yield layer


def _read_member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    if stream is None:
        raise DistgenError(f"the saved image lacks {name}")
    with stream:
        return stream.read(MOST_BYTES)
