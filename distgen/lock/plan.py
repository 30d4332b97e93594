"""Turn the catalogue and a lock into what has to be resolved, and what nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from distgen.errors import InputError
from distgen.model.catalogue import Image
from distgen.model.lock import Lock, LockedBase, LockedSource
from distgen.model.words import Origin
from distgen.text.suggest import nearest

Kind = Literal["base", "source", "download"]
Fact = LockedBase | LockedSource | str
Key = tuple[Kind, str, str]
"""The kind, the reference or URL, and the ref of a source: what a lock entry is found by."""


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that images stand on; `ref` is a source's, `users` are the keys of the images."""

    kind: Kind
    name: str
    ref: str
    users: tuple[str, ...]
    names: tuple[str, ...]
    """What images call it: names of sources and downloads."""
    origin: Origin

    @property
    def key(self) -> Key:
        return (self.kind, self.name, self.ref)

    def __str__(self) -> str:
        return format_key(self.key)


@dataclass(frozen=True, slots=True)
class LockPlan:
    """What is to be looked up for a lock, and which of its entries go."""

    lock: Lock
    lookups: tuple[Need, ...]
    unused: tuple[Key, ...] = ()
    platform: str | None = None


def format_key(key: Key) -> str:
    """Return a lock entry's name for people."""
    return f"{key[1]} {key[2]}" if key[2] else key[1]


def needs(images: Iterable[Image]) -> tuple[Need, ...]:
    """Return everything outside the catalogue that images stand on, sorted."""
    found: dict[Key, Need] = {}
    for image in images:
        for need in _image_needs(image):
            other = found.get(need.key)
            if other is not None:
                users = tuple(dict.fromkeys((*other.users, *need.users)))
                names = tuple(dict.fromkeys((*other.names, *need.names)))
                need = Need(*need.key, users, names, other.origin)  # noqa: PLW2901
            found[need.key] = need
    return tuple(found[key] for key in sorted(found))


def _image_needs(image: Image) -> Iterable[Need]:
    user = (image.key,)
    for parent in image.parents:
        # What is written with its digest has nothing left to resolve.
        if parent.image is None and parent.reference != "scratch" and "@" not in parent.reference:
            yield Need("base", parent.reference, "", user, (), parent.origin)
    for source in image.sources:
        yield Need("source", source.git, source.ref, user, (source.name,), source.origin)
    for download in image.downloads:
        yield Need("download", download.url, "", user, (download.name,), download.origin)


def _parent_references(image: Image) -> tuple[str, ...]:
    return tuple(parent.reference for parent in image.parents)


def facts_by_key(lock: Lock) -> Mapping[Key, Fact]:
    """Return the entries of a lock by key."""
    found: dict[Key, Fact] = {("base", name, ""): base for name, base in lock.bases.items()}
    found |= {("source", git, ref): source for (git, ref), source in lock.sources.items()}
    return found | {("download", url, ""): sha256 for url, sha256 in lock.downloads.items()}


def lock_of(facts: Mapping[Key, Fact]) -> Lock:
    """Return the lock that holds these entries."""
    bases, sources, downloads = {}, {}, {}
    for (_, name, ref), fact in facts.items():
        if isinstance(fact, LockedBase):
            bases[name] = fact
        elif isinstance(fact, LockedSource):
            sources[(name, ref)] = fact
        else:
            downloads[name] = fact
    return Lock(bases, sources, downloads)


def unused_keys(catalogue: Iterable[Image], needed: Iterable[Need], lock: Lock) -> tuple[Key, ...]:
    """Return the entries that no image needs; images of the catalogue itself may be pinned too."""
    kept = {need.key for need in needed}
    for image in catalogue:
        kept |= {
            ("base", reference, "") for reference in (image.reference, *_parent_references(image))
        }
    return tuple(sorted(key for key in facts_by_key(lock) if key not in kept))


def needs_to_look_up(
    needed: Sequence[Need], lock: Lock, upgrade: str | None, platform: str | None
) -> tuple[Need, ...]:
    """Return what the lock lacks, holds for another platform, or is to be upgraded.

    Raises InputError when nothing that is needed matches the pattern of `upgrade`.
    """
    held = facts_by_key(lock)
    chosen = {need.key for need in needed if upgrade is not None and matches(need, upgrade)}
    if upgrade is not None and needed and not chosen:
        words = [word for need in needed for word in _names_of(need)]
        raise InputError(f"nothing in the lock matches {upgrade!r}", hint=nearest(upgrade, words))
    return tuple(
        need
        for need in needed
        if need.key not in held
        or need.key in chosen
        or _is_for_another_platform(held[need.key], platform)
    )


def matches(need: Need, pattern: str) -> bool:
    """Tell whether a pattern names a need, or an image that has it."""
    return any(fnmatchcase(word, pattern) for word in _names_of(need))


def platform_of(need: Need, lock: Lock, asked: str | None) -> str | None:
    """Return the platform to lock a base for: the one asked for, else the one it has now."""
    if asked is not None:
        return None if asked == "all" else asked
    held = lock.bases.get(need.name)
    return held.platform if held is not None else None


def _is_for_another_platform(fact: Fact, platform: str | None) -> bool:
    wanted = None if platform == "all" else platform
    return isinstance(fact, LockedBase) and platform is not None and fact.platform != wanted


def _names_of(need: Need) -> tuple[str, ...]:
    images = tuple(key.partition("@")[0] for key in need.users)
    whole = (need.name, f"{need.name}#{need.ref}") if need.ref else (need.name,)
    return (*whole, *need.names, *images, *need.users)
