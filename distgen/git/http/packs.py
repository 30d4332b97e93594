"""Pack the objects of new commits for a server that holds their parents (gitformat-pack(5))."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator

from distgen.errors import DistgenError
from distgen.git.cat_file import GitObject, ObjectReader
from distgen.git.commits import parse_commit
from distgen.git.http.pkt_line import NotUnderstood
from distgen.git.objects import FOLDER_MODE, SUBMODULE_MODE, object_id, tree_entries
from distgen.model.published import Change

_KINDS = {"commit": 1, "tree": 2, "blob": 3}
_MAX_CONTENT = 32 << 20  # bytes; git packs what is larger without keeping it in memory


def pack_commits(reader: ObjectReader, changes: Iterable[Change]) -> bytes:
    """Return a pack of what each commit has and its parent has not.

    Raises NotUnderstood where it would be too large to be made in memory.
    """
    objects: dict[str, GitObject] = {}
    size = 0
    for change in changes:
        for item in _new_objects(reader, change):
            if item.id not in objects:
                objects[item.id] = item
                size += len(item.content)
                if size > _MAX_CONTENT:
                    raise NotUnderstood("its commits are large")
    return format_pack(objects.values())


def format_pack(objects: Iterable[GitObject]) -> bytes:
    """Return a pack of the objects, each of them whole."""
    entries = [_entry(item) for item in objects]
    pack = b"".join((b"PACK" + struct.pack(">II", 2, len(entries)), *entries))
    return pack + hashlib.sha1(pack, usedforsecurity=False).digest()


def _new_objects(reader: ObjectReader, change: Change) -> Iterator[GitObject]:
    commit = _read(reader, change.commit or "", "commit")
    yield commit
    old_tree = _tree_of(_read(reader, change.parent, "commit")) if change.parent else ""
    yield from _new_entries(reader, _tree_of(commit), old_tree)


def _new_entries(reader: ObjectReader, tree: str, old_tree: str) -> Iterator[GitObject]:
    """Yield a tree and what is below it, without what stands at the same place in the old one."""
    if tree == old_tree:
        return
    item = _read(reader, tree, "tree")
    yield item
    old_content = _read(reader, old_tree, "tree").content if old_tree else b""
    old = {name: (mode, oid) for mode, name, oid in tree_entries(old_content)}
    for mode, name, oid in tree_entries(item.content):
        old_mode, old_oid = old.get(name, (0, ""))
        if oid == old_oid or mode == SUBMODULE_MODE:
            continue
        if mode == FOLDER_MODE:
            yield from _new_entries(reader, oid, old_oid if old_mode == FOLDER_MODE else "")
        else:
            yield _read(reader, oid, "blob")


def _tree_of(commit: GitObject) -> str:
    return parse_commit(commit.content).tree


def _read(reader: ObjectReader, oid: str, kind: str) -> GitObject:
    item = reader.read(oid)
    # A store that a power cut had damaged must not reach a server.
    if item is None or item.kind != kind or object_id(kind, item.content) != oid:
        raise DistgenError(f"{kind} {oid} is missing or damaged", where=reader.folder)
    return item


def _entry(item: GitObject) -> bytes:
    """Return an object as packs hold it: its kind and size, seven bits a byte, and its bytes."""
    size = len(item.content)
    byte, size = _KINDS[item.kind] << 4 | size & 15, size >> 4
    header = bytearray()
    while size:
        header.append(byte | 128)
        byte, size = size & 127, size >> 7
    header.append(byte)
    return bytes(header) + zlib.compress(item.content)
