"""Decide which tags of a repository have been kept long enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from distgen.model.catalogue import Retention
from distgen.model.lock import Lock
from distgen.model.reference import untagged_name
from distgen.registry.tags import PlannedTag

DAY = 86400
OLDEST = 11 * 365 * DAY
"""Images made reproducibly say that they are from 1970 or 1980, which says nothing of their age."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag as the registry has it; `children` are the manifests of an index.

    `created` is when its image was made, in seconds since 1970.
    """

    tag: str
    digest: str
    created: int | None = None
    children: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Protected:
    """What stays whatever its age: tags that images are to have, and locked digests."""

    tags: Mapping[str, str]
    digests: Mapping[str, str]
    """Each maps to the reason."""
    moving: tuple[str, ...] = ()
    """Those of the tags that may point elsewhere a moment later."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one tag, and why; `days` is its age, None where that is unknown."""

    image: str
    reference: str
    digest: str
    action: Literal["keep", "delete"]
    days: int | None
    reason: str


def candidates(tags: Iterable[str], policy: Retention, protected: Protected) -> tuple[str, ...]:
    """Return the tags whose age matters: all others stay without a look at their images."""
    return tuple(
        tag
        for tag in tags
        if _limit(tag, policy) is not None and not _stays(tag, policy, protected)
    )


def decide(
    image: str,
    name: str,
    tags: Sequence[Tagged],
    policy: Retention,
    protected: Protected,
    now: int,
) -> tuple[Decision, ...]:
    """Decide about all tags of a repository; `name` is its name in the registry."""
    first = [_decided(image, name, one, policy, protected, now) for one in tags]
    # Registries delete images with all of their tags, and an index without its parts is broken.
    needed: dict[str, str] = {}
    for one, decision in zip(tags, first, strict=True):
        if decision.action == "keep":
            needed.setdefault(one.digest, f"the same image as {one.tag}")
            for child in one.children:
                needed.setdefault(child, f"a part of {one.tag}")
    return tuple(
        replace(decision, action="keep", reason=needed[decision.digest])
        if decision.action == "delete" and decision.digest in needed
        else decision
        for decision in first
    )


def protect(planned: Sequence[PlannedTag], lock: Lock, name: str) -> Protected:
    """Return what stays in the repository `name` because of the planned tags and the lock."""
    tags = {tag.tag: "a tag that moves" if tag.floating else "a release" for tag in planned}
    digests = {
        base.digest: "the lock points at it"
        for reference, base in lock.bases.items()
        if untagged_name(reference) == name
    }
    moving = tuple(tag.tag for tag in planned if tag.floating)
    return Protected(tags, digests, moving)


def _decided(
    image: str, name: str, one: Tagged, policy: Retention, protected: Protected, now: int
) -> Decision:
    known = one.created is not None and one.created >= OLDEST
    days = (now - one.created) // DAY if known and one.created is not None else None
    made = Decision(image, f"{name}:{one.tag}", one.digest, "keep", days, "")
    why = _stays(one.tag, policy, protected)
    for digest in (one.digest, *one.children):
        why = why or protected.digests.get(digest, "")
    limit = _limit(one.tag, policy)
    if why:
        return replace(made, reason=why)
    if limit is None:
        return replace(made, reason="no rule is about it")
    if days is None:
        return replace(made, reason="its age is unknown")
    if days < limit:
        return replace(made, reason=f"kept for {limit} days")
    return replace(made, action="delete", reason=f"older than {limit} days")


def _stays(tag: str, policy: Retention, protected: Protected) -> str:
    if tag in protected.tags:
        return protected.tags[tag]
    pattern = next((pattern for pattern in policy.keep if fnmatchcase(tag, pattern)), None)
    return f"an exception: {pattern}" if pattern is not None else ""


def _limit(tag: str, policy: Retention) -> int | None:
    return next((days for pattern, days in policy.days if fnmatchcase(tag, pattern)), None)
