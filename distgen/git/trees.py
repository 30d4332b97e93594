"""Read the tree of a commit: its id, and which files it has."""

from __future__ import annotations

from collections.abc import Iterator

from distgen.errors import DistgenError
from distgen.git.cat_file import ObjectReader
from distgen.git.objects import FOLDER_MODE, tree_entries
from distgen.model.published import TreeEntry

_MOST_FILES = 100_000
_LONGEST_PATH = 4096
_MOST_FOLDERS = 200


def root_tree(reader: ObjectReader, commit: str) -> str:
    """Return the id of the tree of a commit."""
    item = reader.read(commit)
    if item is None or item.kind != "commit":
        raise DistgenError(f"{commit} is not a commit", where=reader.folder)
    return item.content[5:45].decode("ascii")


def walk_tree(reader: ObjectReader, root: str) -> Iterator[tuple[str, TreeEntry]]:
    """Yield the files of a tree by path.

    It is limited, for a few objects can describe more files than a machine can hold.
    """
    folders = [("", root)]
    count = 0
    while folders:
        prefix, tree = folders.pop()
        item = reader.read(tree)
        if item is None or item.kind != "tree":
            raise DistgenError(f"tree {tree} is not there", where=reader.folder)
        for mode, name, oid in tree_entries(item.content):
            count, path = count + 1, prefix + name
            too_deep = len(path) > _LONGEST_PATH or path.count("/") > _MOST_FOLDERS
            if count > _MOST_FILES or too_deep:
                limit = f"more than {_MOST_FILES} files, or folders more than {_MOST_FOLDERS} deep"
                raise DistgenError(f"tree {root} holds {limit}", where=reader.folder)
            if mode == FOLDER_MODE:
                folders.append((f"{path}/", oid))
            else:
                yield path, TreeEntry(mode, oid)
