"""Compare the catalogue with a lock: the facts to look up, and the entries without a user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from distgen.catalogue.tag_streams import FROM_TAGS
from distgen.errors import InputError
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock, LockedBase, LockedSource
from distgen.model.releases import ReleaseChoice
from distgen.model.words import Origin
from distgen.text.suggest import suggest_nearest

Kind = Literal["base", "source", "download", "tags"]
Fact = LockedBase | LockedSource | str | tuple[str, ...]
Key = tuple[Kind, str, str]
"""The identity of a lock entry: the kind, the reference or URL, and the ref of a source.

In place of a ref, an entry of git tags has the words of which tags are chosen.
"""


@dataclass(frozen=True, slots=True)
class Need:
    """A base, source or download that images need; `ref` is a source's, `users` are their keys.

    Or the git tags of a component that streams are made from; then `ref` says which, as `choice`.
    """

    kind: Kind
    name: str
    ref: str
    users: tuple[str, ...]
    names: tuple[str, ...]
    """The names that images give it, where it is a source or download."""
    origin: Origin
    choice: ReleaseChoice | None = None

    @property
    def key(self) -> Key:
        return (self.kind, self.name, self.ref)

    def __str__(self) -> str:
        return format_key(self.key)


@dataclass(frozen=True, slots=True)
class LockPlan:
    """The lock, the needs to look up for it, and the entries that leave it."""

    lock: Lock
    lookups: tuple[Need, ...]
    unused: tuple[Key, ...] = ()
    platform: str | None = None


def format_key(key: Key) -> str:
    """Return a lock entry's name for people."""
    return f"{key[1]} {key[2]}" if key[2] else key[1]


def needs(images: Iterable[Image]) -> tuple[Need, ...]:
    """Return everything outside the catalogue that images need, sorted."""
    by_key: dict[Key, Need] = {}
    for image in images:
        for need in _image_needs(image):
            first = by_key.setdefault(need.key, need)
            users = tuple(dict.fromkeys((*first.users, *need.users)))
            names = tuple(dict.fromkeys((*first.names, *need.names)))
            by_key[need.key] = replace(first, users=users, names=names)
    return tuple(by_key[key] for key in sorted(by_key))


def tag_needs(catalogue: Catalogue, images: Iterable[Image]) -> tuple[Need, ...]:
    """Return the git tags that streams of these images are made from."""
    names = {image.full_name for image in images}
    return tuple(
        Need(
            "tags",
            component.git,
            str(component.choice),
            tuple(f"{user}@{FROM_TAGS}" for user in component.users),
            (),
            component.origin,
            component.choice,
        )
        for component in catalogue.components
        if names.intersection(component.users)
    )


def _image_needs(image: Image) -> Iterable[Need]:
    user = (image.key,)
    for parent in image.parents:
        # A reference with its digest is resolved already.
        if parent.image is None and parent.reference != "scratch" and "@" not in parent.reference:
            yield Need("base", parent.reference, "", user, (), parent.origin)
    for source in image.sources:
        yield Need("source", source.git, source.ref, user, (source.name,), source.origin)
        for change in source.changes:
            yield Need("source", change.git, change.ref, user, (source.name,), source.origin)
    for download in image.downloads:
        yield Need("download", download.url, "", user, (download.name,), download.origin)


def _parent_references(image: Image) -> tuple[str, ...]:
    return tuple(parent.reference for parent in image.parents)


def facts_by_key(lock: Lock) -> Mapping[Key, Fact]:
    """Return the entries of a lock by key."""
    facts: dict[Key, Fact] = {("base", name, ""): base for name, base in lock.bases.items()}
    facts |= {("source", git, ref): source for (git, ref), source in lock.sources.items()}
    facts |= {("tags", git, choice): tags for (git, choice), tags in lock.tags.items()}
    return facts | {("download", url, ""): sha256 for url, sha256 in lock.downloads.items()}


def lock_of(facts: Mapping[Key, Fact]) -> Lock:
    """Return the lock that holds these entries."""
    bases, sources, downloads, tags = {}, {}, {}, {}
    for (_, name, ref), fact in facts.items():
        if isinstance(fact, LockedBase):
            bases[name] = fact
        elif isinstance(fact, LockedSource):
            sources[(name, ref)] = fact
        elif isinstance(fact, tuple):
            tags[(name, ref)] = fact
        else:
            downloads[name] = fact
    return Lock(bases, sources, downloads, tags)


def unused_keys(catalogue: Iterable[Image], needed: Iterable[Need], lock: Lock) -> tuple[Key, ...]:
    """Return the entries that no image needs; images of the catalogue itself may be pinned too."""
    used = {need.key for need in needed}
    for image in catalogue:
        used |= {
            ("base", reference, "") for reference in (image.reference, *_parent_references(image))
        }
    return tuple(sorted(key for key in facts_by_key(lock) if key not in used))


def needs_to_look_up(
    needed: Sequence[Need], lock: Lock, upgrade: str | None, platform: str | None
) -> tuple[Need, ...]:
    """Return the needs that the lock lacks or has for another platform, or that are upgraded.

    Raises InputError when nothing that is needed matches the pattern of `upgrade`.
    """
    facts = facts_by_key(lock)
    upgrades = {need.key for need in needed if upgrade is not None and matches(need, upgrade)}
    if upgrade is not None and needed and not upgrades:
        words = [word for need in needed for word in _names_of(need)]
        raise InputError(
            f"nothing in the lock matches {upgrade!r}", hint=suggest_nearest(upgrade, words)
        )
    return tuple(
        need
        for need in needed
        if need.key not in facts
        or need.key in upgrades
        or _is_for_another_platform(facts[need.key], platform)
    )


def matches(need: Need, pattern: str) -> bool:
    """Tell whether a pattern names a need, or an image that has it."""
    return any(fnmatchcase(word, pattern) for word in _names_of(need))


def platform_of(need: Need, lock: Lock, platform: str | None) -> str | None:
    """Return the platform to lock a base for: `platform` if there is one, else that of the lock."""
    if platform is not None:
        return None if platform == "all" else platform
    base = lock.bases.get(need.name)
    return base.platform if base is not None else None


def _is_for_another_platform(fact: Fact, platform: str | None) -> bool:
    if platform is None or not isinstance(fact, LockedBase):
        return False
    return fact.platform != (None if platform == "all" else platform)


def _names_of(need: Need) -> tuple[str, ...]:
    images = tuple(key.partition("@")[0] for key in need.users)
    whole = (need.name, f"{need.name}#{need.ref}") if need.ref else (need.name,)
    return (*whole, *need.names, *images, *need.users)
