"""Give a change the message and the id of its commit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace

from distgen.git.objects import commit_id, format_person
from distgen.model.lock import Lock
from distgen.model.published import Change, Provenance
from distgen.model.rendered import Tree
from distgen.publish.summary import Summary
from distgen.publish.target import BranchTarget


def format_message(
    target: BranchTarget,
    summary: Summary,
    tree: Tree,
    origin: Provenance,
    lines_of_edits: Iterable[str] = (),
) -> str:
    """Return the message of a commit, with trailers that say what it was made from."""
    trailers = [
        f"Distgen-Image: {target.image}",
        f"Distgen-Stream: {target.stream}",
        *([f"Distgen-Source: {origin.source}"] if origin.source else []),
        f"Distgen-Lock: sha256:{lock_digest(tree, target.downloads, origin.lock)}",
        f"Distgen-Version: {origin.version}",
    ]
    body = "\n".join((*summary.lines, *lines_of_edits))
    return "\n\n".join(filter(None, (summary.subject, body, "\n".join(trailers)))) + "\n"


def lock_digest(tree: Tree, downloads: Iterable[str], lock: Lock) -> str:
    """Return the sha256 of the lock entries that an image used, as canonical JSON."""
    pins = [(source.get("git") or "", source.get("ref") or "") for source in tree.sources.values()]
    used = {
        "bases": {name: lock.bases[name].digest for name in tree.bases if name in lock.bases},
        "sources": {
            f"{git} {ref}": [source.commit, source.date, source.version]
            for git, ref in pins
            if (source := lock.sources.get((git, ref)))
        },
        "downloads": {url: lock.downloads[url] for url in downloads if url in lock.downloads},
    }
    text = json.dumps(used, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def with_commit_id(change: Change, tree: str, origin: Provenance, message: str) -> Change:
    """Return the change with its message and the id of the commit that has this tree."""
    author = format_person(origin.author, origin.date)
    return replace(
        change,
        message=message,
        commit=commit_id(tree, change.parent, author, message),
        author=origin.author,
        date=origin.date,
        tree=tree,
    )
