"""Decide which tags of a repository have been kept long enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from distgen.model.lock import Lock
from distgen.model.policy import Retention
from distgen.model.reference import untagged_name
from distgen.registry.tags import PlannedTag

DAY = 86400
OLDEST = 11 * 365 * DAY
"""Reproducible images name 1970 or 1980 as their date, whatever their age."""


@dataclass(frozen=True, slots=True)
class TaggedImage:
    """A tag as the registry has it; `children` are the manifests of an index.

    `created` is when its image was made, in seconds since 1970.
    """

    tag: str
    digest: str
    created: int | None = None
    children: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Protection:
    """Tags and digests that stay at any age: tags that images are to have, and locked digests."""

    tags: Mapping[str, str]
    digests: Mapping[str, str]
    """Each maps to the reason."""
    floating_tags: tuple[str, ...] = ()
    """Those of the tags that may point to another image a moment later."""


@dataclass(frozen=True, slots=True)
class RetentionDecision:
    """What to do with one tag, and why; `days` is its age, None where that is unknown."""

    image: str
    reference: str
    digest: str
    action: Literal["keep", "delete"]
    days: int | None
    reason: str


def tags_with_an_age_limit(
    tags: Iterable[str], policy: Retention, protection: Protection
) -> tuple[str, ...]:
    """Return the tags whose age matters: all others stay without a look at their images."""
    return tuple(
        tag
        for tag in tags
        if _days_to_keep(tag, policy) is not None and not _reason_to_keep(tag, policy, protection)
    )


def decide(
    image: str,
    name: str,
    tags: Sequence[TaggedImage],
    policy: Retention,
    protection: Protection,
    now: int,
) -> tuple[RetentionDecision, ...]:
    """Decide about all tags of a repository; `name` is its name in the registry."""
    decisions = [
        replace(
            _decide_on_tag(tagged_image, policy, protection, now),
            image=image,
            reference=f"{name}:{tagged_image.tag}",
        )
        for tagged_image in tags
    ]
    # Registries delete images with all of their tags, and an index without its parts is broken.
    keep_reasons: dict[str, str] = {}
    for tagged_image, decision in zip(tags, decisions, strict=True):
        if decision.action == "keep":
            keep_reasons.setdefault(tagged_image.digest, f"the same image as {tagged_image.tag}")
            for child in tagged_image.children:
                keep_reasons.setdefault(child, f"a part of {tagged_image.tag}")
    return tuple(
        replace(decision, action="keep", reason=keep_reasons[decision.digest])
        if decision.action == "delete" and decision.digest in keep_reasons
        else decision
        for decision in decisions
    )


def protection_of(
    tags: Sequence[PlannedTag], lock: Lock, name: str, releases: Iterable[str] = ()
) -> Protection:
    """Return the tags and digests of the repository `name` that planned tags and the lock keep.

    `releases` are tags of releases that have left the plan: what was published stays.
    """
    reasons = dict.fromkeys(releases, "a release")
    reasons |= {tag.tag: "a tag that moves" if tag.floating else "a release" for tag in tags}
    digests = {
        base.digest: "the lock points at it"
        for reference, base in lock.bases.items()
        if untagged_name(reference) == name
    }
    floating_tags = tuple(tag.tag for tag in tags if tag.floating)
    return Protection(reasons, digests, floating_tags)


def _decide_on_tag(
    image: TaggedImage, policy: Retention, protection: Protection, now: int
) -> RetentionDecision:
    created = image.created
    days = None if created is None or created < OLDEST else (now - created) // DAY
    reason = _reason_to_keep(image.tag, policy, protection)
    for digest in (image.digest, *image.children):
        reason = reason or protection.digests.get(digest, "")
    limit = _days_to_keep(image.tag, policy)
    keep = RetentionDecision("", image.tag, image.digest, "keep", days, reason)
    if reason:
        return keep
    if limit is None:
        return replace(keep, reason="no rule is about it")
    if days is None:
        return replace(keep, reason="its age is unknown")
    if days < limit:
        return replace(keep, reason=f"kept for {limit} days")
    return replace(keep, action="delete", reason=f"older than {limit} days")


def _reason_to_keep(tag: str, policy: Retention, protection: Protection) -> str:
    if tag in protection.tags:
        return protection.tags[tag]
    pattern = next((pattern for pattern in policy.keep if fnmatchcase(tag, pattern)), None)
    return f"an exception: {pattern}" if pattern is not None else ""


def _days_to_keep(tag: str, policy: Retention) -> int | None:
    return next((days for pattern, days in policy.days if fnmatchcase(tag, pattern)), None)
