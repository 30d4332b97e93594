"""Read a published commit, and single files of it."""

from __future__ import annotations

from distgen.errors import DistgenError
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import Commit, parse_commit
from distgen.model.words import MANIFEST


def read_commit(reader: ObjectReader, name: str) -> Commit:
    """Return the commit of that name; raise DistgenError where it is something else."""
    git_object = reader.read(name)
    if git_object is None or git_object.kind != "commit":
        raise DistgenError(f"{name} is not a commit", where=reader.folder)
    return parse_commit(git_object.content)


def read_path(reader: ObjectReader, commit: str, path: str) -> bytes:
    """Return a file of a commit, empty where there is none."""
    git_object = reader.read(f"{commit}:{path}")
    return git_object.content if git_object and git_object.kind == "blob" else b""


def read_manifest_content(reader: ObjectReader, commit: str) -> bytes:
    """Return the manifest of a commit as it was written, empty where there is none."""
    return read_path(reader, commit, MANIFEST)
