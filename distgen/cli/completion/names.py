"""Names of the catalogue at hand: from a file in the cache while its overlays are as they were."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from distgen.cli.completion.answers import Names

_SETTINGS = "distgen.yaml"


def find_root(start: str) -> str | None:
    """Return the catalogue's folder, this one or the nearest above it."""
    folder = os.path.abspath(start)  # noqa: PTH100 - pathlib costs more than all the rest
    while not os.path.isfile(f"{folder}/{_SETTINGS}"):  # noqa: PTH113
        above = os.path.dirname(folder)  # noqa: PTH120
        if above == folder:
            return None
        folder = above
    return folder


def read_names(root: str, environ: Mapping[str, str]) -> Names:
    """Return images with their streams and keys; nothing where the catalogue cannot be read."""
    home = environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(home):  # noqa: PTH117
        home = os.path.expanduser("~/.cache")  # noqa: PTH111
    path = f"{home}/distgen/completion/{zlib.crc32(os.fsencode(root)):08x}"
    head = f"{root} {_stamp(root):08x}"
    is_kept = not environ.get("DISTGEN_NO_CACHE") and "\n" not in root
    lines = _read_own_file(path).split("\n") if is_kept else []
    if lines[:1] == [head] and lines[-1] == ".":
        with suppress(ValueError, IndexError):  # it is damaged
            if names := _decode(lines[1:-1]):
                return names
    names = _read_catalogue(root, environ)
    if names and is_kept:
        _write_file(path, "\n".join([head, *_encode(names), "."]))
    return names


def _stamp(root: str) -> int:
    """Return a number that differs when files that name images and keys were written."""
    facts = []
    for path in (f"{root}/{_SETTINGS}", f"{root}/distgen.lock", *_files(root)):
        with suppress(OSError):
            status = os.stat(path)  # noqa: PTH116
            facts.append(f"{path} {status.st_mtime_ns} {status.st_size}")
    return zlib.crc32("\n".join(facts).encode(errors="surrogateescape"))


def _files(root: str) -> Iterator[str]:
    for folder, suffix in (("overlays", ".yaml"), ("templates", "template.yaml")):
        with suppress(OSError):
            for inner in sorted(os.listdir(f"{root}/{folder}")):  # noqa: PTH208
                with suppress(OSError):
                    for name in sorted(os.listdir(f"{root}/{folder}/{inner}")):  # noqa: PTH208
                        if name.endswith(suffix):
                            yield f"{root}/{folder}/{inner}/{name}"


def _read_catalogue(root: str, environ: Mapping[str, str]) -> Names:
    # Reading takes long to import, and happens once after each change.
    from pathlib import Path

    from distgen.cli.session import NO_CACHE_VARIABLE, Session
    from distgen.errors import DistgenError

    session = Session(Path(root), -1, None, environ, not environ.get(NO_CACHE_VARIABLE))
    try:
        images = session.catalogue().images
    except (DistgenError, OSError):
        return {}
    names: dict[str, tuple[list[str], list[str]]] = {}
    for image in images:
        streams, keys = names.setdefault(image.full_name, ([], []))
        streams.append(image.stream.name)
        keys.extend(key for key in _dotted_keys(image.values) if key not in keys)
    return names


def _dotted_keys(values: Mapping[str, object]) -> Iterator[str]:
    """Yield the keys of values, and those of maps in them behind a dot."""
    for key, value in values.items():
        yield key
        if isinstance(value, Mapping):
            yield from (f"{key}.{inner}" for inner in value)


def _encode(names: Names) -> Iterator[str]:
    numbers: dict[Sequence[str], int] = {}
    for image, (streams, keys) in names.items():
        number = numbers.setdefault(tuple(keys), len(numbers))
        yield "\t".join([image, str(number), *streams])
    yield ""
    yield from ("\t".join(key for key in keys if key.isprintable()) for keys in numbers)


def _decode(lines: Sequence[str]) -> Names:
    end = lines.index("")
    keys = [line.split("\t") for line in lines[end + 1 :]]
    rows = (line.split("\t") for line in lines[:end])
    return {image: (streams, keys[int(number)]) for image, number, *streams in rows}


def _read_own_file(path: str) -> str:
    with suppress(OSError), open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        status = os.fstat(file.fileno())
        if status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return file.read()
    return ""


def _write_file(path: str, text: str) -> None:
    """Write a file in one step; a folder that cannot be written is left alone."""
    scratch = f"{path}.{os.getpid()}"
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)  # noqa: PTH103,PTH120
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
            file.write(text)
        os.replace(scratch, path)  # noqa: PTH105
