"""Publish: ask the repositories, plan, write all commits at once, push parents before children."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from distgen.errors import DistgenError, InputError
from distgen.model import MANIFEST, Catalog, Change, Image, Result, Tree
from distgen.plan import Target
from distgen.plan.diff import unified
from distgen.publish.deliver import COMMITTED, Delivery, deliver, supply
from distgen.publish.order import Kinship, in_order
from distgen.publish.repositories import (
    Ground,
    Options,
    Repository,
    Wanted,
    changes,
    group,
    result,
)
from distgen.store import Store, renew, scratch_store, write
from distgen.store.git import Git
from distgen.store.remotes import survey

Trees = Callable[[Image], Tree]


@dataclass(frozen=True, slots=True)
class Request:
    """What to publish: images and how to render each, and branches that left the catalogue."""

    catalog: Catalog
    images: tuple[Image, ...]
    trees: Trees
    retired: tuple[Target, ...] = ()


def publish(request: Request, store: Store, options: Options) -> Iterator[Result]:
    """Publish the images, parents first; yield each result as soon as it is known."""
    ground = Ground(store.git, store, options)
    repositories = _repositories(request, options)
    with _pool(options.jobs) as pool:
        planned = tuple(_planned(pool, ground, repositories, request))
        settled, deliveries = _settled(planned)
        yield from map(result, settled)
        ready, broken = _written(pool, ground, store, deliveries)
        yield from map(result, broken)
        ended = in_order(
            pool,
            lambda delivery: deliver(ground, store, delivery),
            ready,
            _kinship(request, options),
            (*settled, *broken),
        )
        yield from map(result, ended)


def plan_only(
    request: Request, git: Git, options: Options, store: Path | None = None
) -> tuple[Change, ...]:
    """Return the changes that `publish` would make, in the order of the images; write nothing.

    What lies on a server is read through a temporary store, which borrows from the one at `store`.
    """
    repositories = _repositories(request, options)
    with _reading_store(git, repositories, store) as scratch, _pool(options.jobs) as pool:
        ground = Ground(git, scratch, options)
        planned = tuple(_planned(pool, ground, repositories, request))
        settled, deliveries = _settled(planned)
        kinship = _kinship(request, options)
        ended = in_order(pool, lambda found: found.changes, deliveries, kinship, settled)
        found = {change.key: change for change in (*settled, *ended)}
    keys = (*(image.key for image in request.images), *(gone.key for gone in request.retired))
    return tuple(found[key] for key in keys)


def standing(change: Change) -> Result:
    """Return what `status` says of a branch: unchanged, behind, drifted, or what stops a plan."""
    if change.edits:
        return replace(result(change), status="drifted", detail=change.detail)
    if change.status in COMMITTED:
        detail = change.detail or ("not published yet" if change.parent is None else "")
        return replace(result(change), status="behind", commit=change.parent, detail=detail)
    return result(change)


def diff(change: Change) -> str:
    """Return the unified diff of what a change would do to its branch."""
    after: dict[str, bytes | None] = dict.fromkeys(change.delete)
    after |= {file.path: file.content for file in change.write}
    paths = sorted(after, key=lambda path: (path == MANIFEST, path))  # what it sums up goes first
    return "".join(unified(path, change.before.get(path), after[path]) for path in paths)


def _repositories(request: Request, options: Options) -> tuple[Repository, ...]:
    repositories = group(request.catalog, request.images, request.retired)
    if options.dirty and not options.allow_dirty:
        for repository in repositories:
            if repository.place.folder is None:
                raise InputError(
                    f"the catalogue has changes that are not committed, and {repository.place} "
                    "is not on this machine",
                    hint="commit them, or use --allow-dirty",
                )
    return repositories


def _kinship(request: Request, options: Options) -> Kinship:
    parents = {
        image.key: tuple(parent.image for parent in image.parents if parent.image)
        for image in request.images
    }
    return Kinship(parents, options.independent)


def _planned(
    pool: Executor, ground: Ground, repositories: Sequence[Repository], request: Request
) -> Iterator[Delivery]:
    """Yield the plan of each repository; servers are asked while trees are rendered."""
    by_key = {image.key: image for image in request.images}
    surveys = {
        found.url: pool.submit(survey, ground.git, found.place, [t.branch for t in found.targets])
        for found in repositories
        if found.place.folder is None
    }
    plans = []
    for repository in repositories:
        wanted = {
            found.key: _wanted(by_key.get(found.key), request.trees) for found in repository.targets
        }
        asked = surveys.get(repository.url)
        known = asked.result if asked else None
        job = pool.submit(changes, ground, repository, wanted, known)
        plans.append((repository, wanted, job))
    for repository, wanted, job in plans:
        stands, planned = job.result()
        yield Delivery(repository, stands, planned, wanted)


def _wanted(image: Image | None, trees: Trees) -> Wanted:
    if image is None:
        return None
    try:
        return trees(image)
    except DistgenError as error:
        return error


def _settled(planned: Sequence[Delivery]) -> tuple[tuple[Change, ...], tuple[Delivery, ...]]:
    """Split what is decided already from what has commits to deliver."""
    settled = tuple(c for d in planned for c in d.changes if c.status not in COMMITTED)
    deliveries = (
        replace(d, changes=tuple(c for c in d.changes if c.status in COMMITTED)) for d in planned
    )
    return settled, tuple(delivery for delivery in deliveries if delivery.changes)


def _written(
    pool: Executor, ground: Ground, store: Store, deliveries: Sequence[Delivery]
) -> tuple[tuple[Delivery, ...], tuple[Change, ...]]:
    """Write all commits in one go; return the deliveries that are ready, and what could not be."""
    ready, broken = _supplied(pool, ground, store, deliveries)
    try:
        write(store, [change for delivery in ready for change in delivery.changes])
    except DistgenError:
        # The store is only a cache: begin it again, and find out which repository it cannot hold.
        renew(store)
        again, lost = _supplied(pool, ground, store, ready)
        ready, broken = (), (*broken, *lost)
        for delivery in again:
            try:
                write(store, delivery.changes)
                ready = (*ready, delivery)
            except DistgenError as error:
                broken = (*broken, *_lost(delivery, error))
    return ready, broken


def _supplied(
    pool: Executor, ground: Ground, store: Store, deliveries: Sequence[Delivery]
) -> tuple[tuple[Delivery, ...], tuple[Change, ...]]:
    jobs = [(delivery, pool.submit(supply, ground, store, delivery)) for delivery in deliveries]
    ready: list[Delivery] = []
    broken: list[Change] = []
    for delivery, job in jobs:
        try:
            job.result()
            ready.append(delivery)
        except DistgenError as error:
            broken += _lost(delivery, error)
    return tuple(ready), tuple(broken)


def _lost(delivery: Delivery, error: DistgenError) -> Iterator[Change]:
    for change in delivery.changes:
        yield replace(change, status="failed", commit=change.parent, detail=str(error))


@contextmanager
def _reading_store(
    git: Git, repositories: Sequence[Repository], beside: Path | None
) -> Iterator[Store | None]:
    """Open a temporary store when a repository lies on a server; local ones are read in place."""
    if all(repository.place.folder is not None for repository in repositories):
        yield None
        return
    with scratch_store(git, beside) as store:
        yield store


@contextmanager
def _pool(jobs: int) -> Iterator[Executor]:
    pool = ThreadPoolExecutor(max(1, jobs), thread_name_prefix="distgen")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
