"""Sort facts that were looked up elsewhere into those that a lock takes over and the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from distgen.lock.plan import (
    Fact,
    Key,
    LockPlan,
    Need,
    facts_by_key,
    needs,
    platform_of,
    tag_needs,
)
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock, LockedBase, LockedSource


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts in a file; `day` is when they were looked up, "" where the file does not say it."""

    lock: Lock
    day: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A fact that does not go into the lock: it differs from what is asked for, or has no use."""

    key: Key
    fact: Fact
    status: Literal["differs", "unneeded"]
    reason: str


@dataclass(frozen=True, slots=True)
class Takeover:
    """The new entries of a lock, and the facts that do not go into it.

    `silent` is what is to be looked up again and the facts do not have.
    """

    entries: Mapping[Key, Fact]
    refusals: tuple[Refusal, ...]
    silent: tuple[Need, ...]


def take_over(
    facts: Lock, plan: LockPlan, needed: Collection[Key], used: Collection[Key]
) -> Takeover:
    """Take over the facts that a plan wants.

    `needed` are the keys that the chosen images stand on, `used` those that any image does.
    """
    lock_facts, new_facts = facts_by_key(plan.lock), facts_by_key(facts)
    lookups = {need.key: need for need in plan.lookups}
    entries: dict[Key, Fact] = {}
    refusals = []
    for key, fact in sorted(new_facts.items(), key=lambda pair: pair[0]):
        reason = ""
        if key in lookups:
            reason = _other_platform(lookups[key], fact, plan)
            if not reason:
                entries[key] = fact
        elif key not in used:
            refusals.append(Refusal(key, fact, "unneeded", "no image needs it"))
        elif key in needed and key in lock_facts:
            reason = difference(lock_facts[key], fact)
            reason = reason and f"{reason}; --upgrade takes it over"
        if reason:
            refusals.append(Refusal(key, fact, "differs", reason))
    silent = (need for need in plan.lookups if need.key in lock_facts and need.key not in new_facts)
    return Takeover(entries, tuple(refusals), tuple(silent))


def plan_digests(
    digests: Mapping[str, str], images: Sequence[Image], lock: Lock
) -> tuple[Facts, LockPlan]:
    """Return digests of pushed images as facts, and the plan that takes over what is new of them.

    An entry stays one of its platform: what was pushed is what the tag stands for there.
    """
    platforms = {name: base.platform for name, base in lock.bases.items()}
    bases = {name: LockedBase(digest, platforms.get(name)) for name, digest in digests.items()}
    candidates = {need.key: need for need in (*published_needs(images), *needs(images))}
    lookups = tuple(
        need
        for need in candidates.values()
        if need.kind == "base"
        and need.name in bases
        and lock.bases.get(need.name) != bases[need.name]
    )
    return Facts(Lock(bases)), LockPlan(lock, lookups)


def difference(old: Fact, new: Fact) -> str:
    """Say how a fact differs from what is locked, "" where it does not."""
    if old == new:
        return ""
    return f"locked {_format_fact(old)}, the facts say {_format_fact(new)}"


def format_tags(tags: Sequence[str]) -> str:
    """Return git tags for people."""
    return ", ".join(tags) or "none"


def published_needs(images: Iterable[Image]) -> Sequence[Need]:
    """Return needs for the catalogue's own images, which `distgen discover` pins."""
    return [
        Need("base", image.reference, "", (image.key,), (), image.origin)
        for image in images
        if "@" not in image.reference
    ]


def used_keys(catalogue: Catalogue, images: Collection[Image]) -> frozenset[Key]:
    """Return the keys of all facts that images have a use for."""
    all_needs = (*needs(images), *published_needs(images), *tag_needs(catalogue, images))
    return frozenset(need.key for need in all_needs)


def _other_platform(need: Need, fact: Fact, plan: LockPlan) -> str:
    """Say why a digest of one platform is not the one to lock, "" where it is."""
    if not isinstance(fact, LockedBase):
        return ""
    platform = platform_of(need, plan.lock, plan.platform)
    if fact.platform == platform:
        return ""
    return (
        f"the facts are of {_platform(fact.platform)}, and {_platform(platform)} are to be locked"
        f"; --platform {fact.platform or 'all'} takes them over"
    )


def _platform(platform: str | None) -> str:
    return platform or "all platforms"


def _format_fact(fact: Fact) -> str:
    if isinstance(fact, LockedBase):
        return f"{fact.digest} of {_platform(fact.platform)}" if fact.platform else fact.digest
    if isinstance(fact, LockedSource):
        version = f", version {fact.version}" if fact.version else ""
        return f"{fact.commit} of {fact.date}{version}"
    if isinstance(fact, tuple):
        return format_tags(fact)
    return f"sha256 {fact}"
