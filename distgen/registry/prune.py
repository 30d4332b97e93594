"""Look at the tags of repositories, and delete those that have been kept long enough."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal, TypeVar

from distgen.errors import DistgenError
from distgen.model.policy import Retention
from distgen.model.reference import Reference, split_reference
from distgen.pool import run_parallel
from distgen.registry.client import Registry
from distgen.registry.errors import NotFound, Unreadable
from distgen.registry.retention import (
    Protection,
    RetentionDecision,
    TaggedImage,
    decide,
    tags_with_an_age_limit,
)

Result = TypeVar("Result")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class PruneTarget:
    """A repository to look at: the policy of its namespace, and the tags that stay."""

    image: str
    repository: Reference
    policy: Retention
    protection: Protection


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """The tags of a repository and a decision for each."""

    target: PruneTarget
    tags: tuple[TaggedImage, ...]
    decisions: tuple[RetentionDecision, ...]


@dataclass(frozen=True, slots=True)
class PruneResult:
    """The result for one image of a repository: its digest and the tags that go with it."""

    reference: str
    tags: tuple[str, ...]
    status: Literal["deleted", "failed", "kept"]
    detail: str = ""


def plan_pruning(
    registry: Registry, targets: Sequence[PruneTarget], now: int, parallel: int
) -> tuple[PrunePlan, ...]:
    """Look at all tags of all repositories and decide about them; raise if a look fails."""
    listings = _run_all([partial(_list_tags, registry, target) for target in targets], parallel)
    looks = [
        partial(_look_at_tag, registry, target, tag) for target, tags in listings for tag in tags
    ]
    images: dict[str, list[TaggedImage]] = {target.image: [] for target in targets}
    for target, tagged_image in _run_all(looks, parallel):
        if tagged_image is not None:
            images[target.image].append(tagged_image)
    plans = []
    for target in targets:
        tags = tuple(sorted(images[target.image], key=lambda image: image.tag))
        name = target.repository.name
        decisions = decide(target.image, name, tags, target.policy, target.protection, now)
        plans.append(PrunePlan(target, tags, decisions))
    return tuple(plans)


def delete_tags(
    registry: Registry, plans: Sequence[PrunePlan], parallel: int
) -> tuple[PruneResult, ...]:
    """Delete the images of the plans, but for those that a floating tag was moved to meanwhile."""
    tasks = [
        partial(_delete_images, registry, plan)
        for plan in plans
        if any(decision.action == "delete" for decision in plan.decisions)
    ]
    return tuple(sorted(run_parallel(tasks, parallel), key=lambda result: result.reference))


def _list_tags(registry: Registry, target: PruneTarget) -> tuple[PruneTarget, tuple[str, ...]]:
    try:
        return target, registry.tags(target.repository)
    except NotFound:
        return target, ()


def _look_at_tag(
    registry: Registry, target: PruneTarget, tag: str
) -> tuple[PruneTarget, TaggedImage | None]:
    reference = target.repository.at(tag)
    try:
        manifest = registry.manifest(reference)
    except NotFound:
        return target, None
    except Unreadable:
        # An image of another kind has no known age, so it stays.
        return target, TaggedImage(tag, "")
    children = manifest.children
    if not tags_with_an_age_limit([tag], target.policy, target.protection):
        return target, TaggedImage(tag, manifest.digest, None, children)
    try:
        created = parse_time(registry.config(reference).get("created"))
    except NotFound:
        created = None
    return target, TaggedImage(tag, manifest.digest, created, children)


def parse_time(text: object) -> int | None:
    """Return the time that an image says it was made, in seconds since 1970."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        # Python 3.10 reads neither Z nor nanoseconds.
        time = datetime.fromisoformat(match.group(1) + match.group(2).replace("Z", "+00:00"))
        return int(time.timestamp())
    except (ValueError, OverflowError):
        return None


def _delete_images(registry: Registry, plan: PrunePlan) -> Iterable[PruneResult]:
    repository = plan.target.repository
    images = {image.tag: image for image in plan.tags}
    tags_to_delete: dict[str, list[str]] = {}
    kept_digests: set[str] = set(plan.target.protection.digests)
    for decision in plan.decisions:
        tag = split_reference(decision.reference)[1]
        if decision.action == "delete":
            tags_to_delete.setdefault(decision.digest, []).append(tag)
        else:
            kept_digests |= {decision.digest, *images[tag].children}
    try:
        moved_tags = _moved_tags(registry, plan)
    except DistgenError as error:
        return [
            PruneResult(str(repository.at(digest)), tuple(tags), "failed", str(error))
            for digest, tags in tags_to_delete.items()
        ]
    results = []
    for digest, tags in tags_to_delete.items():
        result = PruneResult(str(repository.at(digest)), tuple(sorted(tags)), "deleted")
        if digest in moved_tags:
            result = replace(result, status="kept", detail=f"{moved_tags[digest]} was moved to it")
        else:
            children = set(images[tags[0]].children) - kept_digests - {*moved_tags}
            result = _delete_digests(registry, repository, [digest, *sorted(children)], result)
        results.append(result)
    return results


def _delete_digests(
    registry: Registry, repository: Reference, digests: Sequence[str], result: PruneResult
) -> PruneResult:
    try:
        for digest in digests:
            registry.delete(repository.at(digest))
    except DistgenError as error:
        return replace(result, status="failed", detail=str(error))
    return result


def _moved_tags(registry: Registry, plan: PrunePlan) -> Mapping[str, str]:
    """Map digests to the floating tags that were moved to them since the plan."""
    planned_digests = {image.tag: image.digest for image in plan.tags}
    moved_tags: dict[str, str] = {}
    for tag in plan.target.protection.floating_tags:
        try:
            manifest = registry.manifest(plan.target.repository.at(tag))
        except (NotFound, Unreadable):
            continue
        if manifest.digest != planned_digests.get(tag):
            moved_tags |= dict.fromkeys((manifest.digest, *manifest.children), tag)
    return moved_tags


def _run_all(tasks: Sequence[Callable[[], Result]], parallel: int) -> list[Result]:
    return list(run_parallel([partial(_as_result, task) for task in tasks], parallel))


def _as_result(task: Callable[[], Result]) -> Iterable[Result]:
    return [task()]
