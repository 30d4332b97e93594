"""Compute git's object ids from bytes, so that a plan needs no repository."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Union

from distgen.errors import DistgenError
from distgen.model.published import TreeEntry

FOLDER_MODE = 0o040000
SUBMODULE_MODE = 0o160000

_Folder = dict[str, Union[TreeEntry, "_Folder"]]


def object_id(kind: str, content: bytes) -> str:
    """Return the id git gives an object of `kind` with these bytes."""
    header = f"{kind} {len(content)}\0".encode("ascii")
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


def blob_id(content: bytes) -> str:
    """Return the id git gives a file with these bytes."""
    return object_id("blob", content)


def tree_id(entries: Mapping[str, TreeEntry]) -> str:
    """Return the id of the tree that holds `entries`, by path."""
    root: _Folder = {}
    for path, entry in entries.items():
        folder = root
        *parents, name = path.split("/")
        for parent in parents:
            below = folder.setdefault(parent, {})
            if not isinstance(below, dict):
                raise DistgenError(f"{path} needs a folder where there is a file")
            folder = below
        if isinstance(folder.get(name), dict):
            raise DistgenError(f"{path} is a file where there is a folder")
        folder[name] = entry
    return _folder_id(root)


def tree_entries(content: bytes) -> Iterator[tuple[int, str, str]]:
    """Yield mode, name and id of each entry of a tree object; refuse a tree git would not write.

    A tree may hold a name twice, and then it is open which of the two a clone shows.
    """
    refused_names = {b"", b".", b"..", b".git"}
    start = 0
    try:
        while start < len(content):
            blank = content.index(b" ", start)
            end = content.index(b"\0", blank)
            name, oid = content[blank + 1 : end], content[end + 1 : end + 21]
            if name in refused_names or b"/" in name or len(oid) != 20:
                raise ValueError(name)
            refused_names.add(name)
            yield int(content[start:blank], 8), name.decode("utf-8", "surrogateescape"), oid.hex()
            start = end + 21
    except ValueError:
        raise DistgenError("a folder of a commit is damaged", hint="see `git fsck`") from None


def commit_id(tree: str, parent: str | None, person: str, message: str) -> str:
    """Return the id of a commit; `person` is "Name <address> seconds +0000"."""
    return object_id("commit", commit_content(tree, parent, person, message))


def commit_content(tree: str, parent: str | None, person: str, message: str) -> bytes:
    """Return the bytes of a commit."""
    lines = [f"tree {tree}"]
    if parent:
        lines.append(f"parent {parent}")
    lines += [f"author {person}", f"committer {person}", "", message]
    return "\n".join(lines).encode("utf-8")


def format_person(author: str, date: int) -> str:
    """Return the line that git writes for a person and a time, in UTC."""
    return f"{author} {date} +0000"


def _folder_id(folder: _Folder) -> str:
    records = []
    for name, below in folder.items():
        raw = name.encode("utf-8", "surrogateescape")
        if isinstance(below, dict):
            # git sorts a folder as if its name ended in a slash.
            records.append((raw + b"/", b"%o %s\0" % (FOLDER_MODE, raw), _folder_id(below)))
        else:
            records.append((raw, b"%o %s\0" % (below.mode, raw), below.blob))
    records.sort()
    return object_id("tree", b"".join(head + bytes.fromhex(oid) for _, head, oid in records))
