"""Reads and writes `distgen.lock`, the file of facts that were looked up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distgen.catalogue.bounded import read_bounded
from distgen.catalogue.tagged_drafts import tags_of
from distgen.errors import InputError
from distgen.git.refs import is_commit_id
from distgen.lock.facts import Facts
from distgen.model.lock import LOCK_FILE, LOCK_LIMIT, Lock, LockedBase, LockedSource
from distgen.model.words import Origin
from distgen.schema.check import check_document
from distgen.schema.packaged import validator_of
from distgen.schema.yaml import read_yaml
from distgen.schema.yaml_writer import dump_sorted

_ABOUT = {
    "bases": "# Images of other registries, each tag with the digest that it stood for.\n",
    "sources": "# Git repositories, each ref with the commit that it stood for, and its date.\n",
    "tags": "# Git tags that streams are made from, newest first; sources has their commits.\n",
    "downloads": "# Files that builds fetch, with their SHA-256.\n",
}
_HEADER = "# Written by `distgen lock`: commit it, do not edit it.\n"


def read_lock(path: str | Path) -> Lock:
    """Read a lock file; one that is not there is an empty lock."""
    try:
        content = read_bounded(Path(path), str(path), LOCK_LIMIT)
    except FileNotFoundError:
        return Lock()
    return parse_lock(content, Path(path).name)


def parse_lock(text: str | bytes, path: str = LOCK_FILE) -> Lock:
    """Read the text of a lock file; `path` is for messages."""
    return _lock(check_document(validator_of("lock"), read_yaml(text, path)))


def read_facts(path: str | Path) -> Facts:
    """Read a file of facts that were looked up elsewhere; it must be there."""
    try:
        content = read_bounded(Path(path), str(path), LOCK_LIMIT)
    except FileNotFoundError:
        raise InputError("there is no such file", where=Origin(str(path))) from None
    document = read_yaml(content, str(path))
    data = check_document(validator_of("facts"), document)
    for git, refs in data.get("sources", {}).items():
        for ref, entry in refs.items():
            if is_commit_id(ref) and entry["commit"] != ref:
                raise InputError(
                    f"the commit of {ref} is another one, and it is a commit itself",
                    where=document.origin(("sources", git, ref, "commit")),
                )
    return Facts(_lock(data), data.get("collected", ""))


def read_digests(path: str | Path) -> Mapping[str, str]:
    """Read what `distgen build --push` wrote: the digest of each reference that was pushed."""
    try:
        content = read_bounded(Path(path), str(path), LOCK_LIMIT)
    except FileNotFoundError:
        raise InputError("there is no such file", where=Origin(str(path))) from None
    data = check_document(validator_of("digests"), read_yaml(content, str(path)))
    return {entry["reference"]: entry["digest"] for entry in data["images"]}


def _lock(data: Mapping[str, Any]) -> Lock:
    return Lock(
        bases={
            reference: LockedBase(entry["digest"], entry.get("platform"))
            for reference, entry in data.get("bases", {}).items()
        },
        sources={
            (git, ref): LockedSource(entry["commit"], entry["date"], entry.get("version"))
            for git, refs in data.get("sources", {}).items()
            for ref, entry in refs.items()
        },
        downloads={url: entry["sha256"] for url, entry in data.get("downloads", {}).items()},
        tags=tags_of(data),
    )


def dump_lock(lock: Lock) -> str:
    """Return the text of a lock file: sorted, the same for the same lock."""
    sources: dict[str, dict[str, Any]] = {}
    for (git, ref), source in lock.sources.items():
        facts = {"commit": source.commit, "date": source.date, "version": source.version}
        sources.setdefault(git, {})[ref] = _without_none(facts)
    tags: dict[str, dict[str, list[str]]] = {}
    for (git, choice), names in lock.tags.items():
        tags.setdefault(git, {})[choice] = list(names)
    data = {
        "version": 1,
        "bases": {
            reference: _without_none({"digest": base.digest, "platform": base.platform})
            for reference, base in lock.bases.items()
        },
        "sources": sources,
        "downloads": {url: {"sha256": digest} for url, digest in lock.downloads.items()},
        "tags": tags,
    }
    parts = ((key, part) for key, part in data.items() if part)
    blocks = (_ABOUT.get(key, "") + dump_sorted({key: part}) for key, part in parts)
    return _HEADER + "".join(blocks)


def _without_none(facts: dict[str, str | None]) -> dict[str, str]:
    return {key: fact for key, fact in facts.items() if fact is not None}
