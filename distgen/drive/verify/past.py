"""Render an image again as the commit of the catalogue that a claim names would."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from distgen.errors import DistgenError
from distgen.model import Catalog, Change, Lock, Provenance, Tree
from distgen.plan import (
    OnEdit,
    Target,
    lock_digest,
    plan,
    reason,
    retire,
    retirement,
    target,
)
from distgen.plan.commits import Commit
from distgen.plan.manifest import generated
from distgen.render import Renderer
from distgen.store.branches import present
from distgen.store.checkout import History, checked_out, date
from distgen.store.git import Reader
from distgen.store.merging import merging
from distgen.verify import Claim, Expected

Load = Callable[[Path], tuple[Catalog, Lock]]
_KEPT = 4
_WAYS: tuple[OnEdit, ...] = ("refuse", "keep", "merge", "overwrite")


@dataclass(frozen=True, slots=True)
class Past:
    """The catalogue as one of its commits has it."""

    commit: str
    date: int
    catalog: Catalog
    lock: Lock
    renderer: Renderer = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a claim leads to; `tree` is None for an image that is not in the catalogue."""

    target: Target
    tree: Tree | None
    origin: Provenance
    expected: Expected


class Proof:
    """What commits are compared with: a catalogue at any commit of its history.

    The few that were read last are kept; threads may share them.
    """

    def __init__(self, history: History | None, load: Load) -> None:
        self.history = history
        self._load = load
        self._pasts: OrderedDict[str, Past | str] = OrderedDict()
        self._lock = threading.Lock()

    def wanted(self, claimed: Claim, note: bytes = b"") -> Wanted | str:
        """Return what a claim leads to, or say why that cannot be known.

        `note` is the one of a retired branch, of which only its reason is believed.
        """
        if not claimed.commit:
            named = f"it names {claimed.source}" if claimed.source else "it names no source"
            return f"{named}, which is no commit of a catalogue"
        with self._lock:
            past = self._past(claimed.commit)
            if isinstance(past, str):
                return past
            try:
                return _wanted(past, claimed, reason(note))
            except DistgenError as error:
                return f"it cannot be rendered from {claimed.commit[:12]}: {error}"

    def _past(self, commit: str) -> Past | str:
        if commit not in self._pasts:
            self._pasts[commit] = self._read(commit)
        self._pasts.move_to_end(commit)
        if len(self._pasts) > _KEPT:
            self._pasts.popitem(last=False)
        return self._pasts[commit]

    def _read(self, commit: str) -> Past | str:
        made = date(self.history, commit) if self.history else None
        if self.history is None or made is None:
            hint = "; fetch its whole history" if self.history and self.history.is_shallow else ""
            return f"commit {commit[:12]} is in no branch of this catalogue{hint}"
        try:
            with checked_out(self.history, commit) as root:
                catalog, lock = self._load(root)
        except DistgenError as error:
            return f"the catalogue at {commit[:12]} cannot be read: {error}"
        return Past(commit, made, catalog, lock, Renderer(catalog, lock))


def planned_again(reader: Reader, commit: Commit, wanted: Wanted) -> tuple[Change, OnEdit] | None:
    """Plan a commit again on its parent; return the change that gives the same files, if any."""
    if len(commit.parents) > 1 or (wanted.tree is None and not commit.parents):
        return None
    if commit.parents and reader.read(commit.parents[0]) is None:  # where a shallow clone ends
        return None
    same: tuple[Change, OnEdit] | None = None
    for on_edit in _WAYS:
        change = _planned(reader, commit, wanted, on_edit)
        if change.commit == commit.unsigned:
            return change, on_edit
        if change.tree == commit.tree and same is None:
            same = change, on_edit
        if change.status != "refused" and not change.edits:
            break
    return same


def _planned(reader: Reader, commit: Commit, wanted: Wanted, on_edit: OnEdit) -> Change:
    new = {path: file for path, file in wanted.expected.files.items() if wanted.tree}
    there = present(reader, commit.parents[0], new) if commit.parents else None
    if wanted.tree is None:
        assert there is not None
        return retire(wanted.target, there, wanted.origin, on_edit)
    merge = merging(reader.git)
    return plan(wanted.target, wanted.tree, there, wanted.origin, on_edit, merge)


def _wanted(past: Past, claimed: Claim, why: str) -> Wanted:
    image = next((image for image in past.catalog.images if image.key == claimed.key), None)
    tree = past.renderer.tree(image) if image else None
    branch = target(image) if image else Target(claimed.image, claimed.stream, "", "", (), why)
    spaces = past.catalog.namespaces
    namespace = spaces.get(claimed.image.partition("/")[0]) or spaces[min(spaces)]
    address = past.catalog.source
    origin = Provenance(
        source=f"{address}@{past.commit}" if address else past.commit,
        author=namespace.dist_git.author,
        date=past.date,
        version=claimed.version,
        lock=past.lock,
    )
    named = tree or Tree(claimed.image, claimed.stream, ())
    digest = lock_digest(named, branch.downloads, past.lock)
    files = generated(tree) if tree else (retirement(branch),)
    by_path = {file.path: file for file in files}
    expected = Expected(origin.source, f"sha256:{digest}", origin.author, by_path)
    return Wanted(branch, tree, origin, expected)
