"""Name the files of a report by hashes, so that no name of the catalogue leads anywhere else."""

from __future__ import annotations

import hashlib

from distgen.compare.records import EditGroup

OVERVIEW = "index.html"
GRAPH = "graph.html"


def image_page(key: str) -> str:
    """Return the name of the page of an image."""
    return f"image-{_digest(key)}.html"


def group_page(group: EditGroup) -> str:
    """Return the name of the page of a group."""
    return f"group-{group_digest(group)}.html"


def group_digest(group: EditGroup) -> str:
    """Return what changes when the text of a group or one of its members does."""
    members = (
        "\0".join((member.key, member.path, *member.words, str(member.new_start)))
        for member in group.members
    )
    parts = (group.operation, str(group.modes), *group.pattern.pieces, *members)
    return _digest("\0\0".join(parts))


def asset_name(stem: str, suffix: str, content: bytes) -> str:
    """Return the name of a style or script; another content has another name."""
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}{suffix}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:20]
