"""Examine a catalogue that could be read: its commit, and its lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from distgen.catalogue.commit import read_catalogue_commit
from distgen.doctor.clock import ago
from distgen.doctor.records import Diagnosis
from distgen.git.run import Git
from distgen.lock.age import read_change_time
from distgen.lock.plan import Need, facts_by_key, format_key, needs, tag_needs
from distgen.model.catalogue import Catalogue
from distgen.model.lock import LOCK_FILE, Lock
from distgen.text.listing import name_some


def describe_catalogue(catalogue: Catalogue) -> Diagnosis:
    """Say how much a catalogue that could be read has in it."""
    names = {image.full_name for image in catalogue.images}
    namespaces = {image.namespace for image in catalogue.images}
    detail = (
        f"{_count(len(names), 'image')} in {_count(len(namespaces), 'namespace')},"
        f" {_count(len(catalogue.images), 'branch', 'es')}"
    )
    return Diagnosis("catalogue", "distgen.yaml", "ok", detail)


def examine_commit(git: Git, catalogue: Catalogue) -> Iterator[Diagnosis]:
    """Examine what commits of dist-git repositories would name as their source."""
    head = read_catalogue_commit(git, Path(catalogue.root), catalogue.inputs)
    if head.commit is None:
        detail, action = "is in no commit, so what is published names none", "commit it"
    elif head.dirty:
        detail = f"is not as it was committed: {name_some(head.dirty)}"
        action = "commit it, for `distgen publish` refuses this on servers"
    else:
        yield Diagnosis("catalogue", "commit", "ok", head.commit[:12])
        return
    yield Diagnosis("catalogue", "commit", "warning", detail, action)


def examine_missing_facts(
    catalogue: Catalogue, lock: Lock, may_be_missing: Callable[[Need, Catalogue], bool]
) -> Iterator[Diagnosis]:
    """Examine whether the lock has all that images need."""
    needed = (*needs(catalogue.images), *tag_needs(catalogue, catalogue.images))
    facts = facts_by_key(lock)
    missing = [
        format_key(need.key)
        for need in needed
        if need.key not in facts and not may_be_missing(need, catalogue)
    ]
    if missing:
        detail = f"{_count(len(missing), 'fact')} missing: {name_some(missing)}"
        yield Diagnosis("lock", LOCK_FILE, "warning", detail, "run `distgen lock`")


def examine_lock_age(git: Git, root: Path, now: float, oldest: float) -> Iterator[Diagnosis]:
    """Examine the age of a lock, which may be `oldest` days."""
    if not (root / LOCK_FILE).is_file():
        return
    changed = read_change_time(git, root)
    if changed is None:
        detail = "when it changed is unknown in this shallow clone"
        yield Diagnosis("lock", LOCK_FILE, "ok", detail)
        return
    detail = f"changed {ago(now - changed)}"
    if now - changed > oldest * 86_400:
        action = "refresh it with `distgen lock --upgrade`"
        yield Diagnosis("lock", LOCK_FILE, "warning", detail, action)
    else:
        yield Diagnosis("lock", LOCK_FILE, "ok", detail)


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"
