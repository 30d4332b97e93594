"""Publish: ask the repositories, plan, write all commits at once, push parents before children."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from distgen.errors import DistgenError, InputError
from distgen.git.remote import RemoteHeads, read_remote_heads
from distgen.git.run import Git
from distgen.git.store import Store, reset_store, scratch_store, write_commits
from distgen.model.catalogue import Catalogue, Image
from distgen.model.published import Change, Result
from distgen.model.rendered import Tree
from distgen.model.words import MANIFEST
from distgen.pool import thread_pool
from distgen.publish.deliver import COMMIT_STATUSES, Delivery, deliver, fetch_parents
from distgen.publish.options import PublishContext, PublishOptions, Repository
from distgen.publish.plan import BranchTarget
from distgen.publish.report import result_row
from distgen.publish.repositories import (
    DesiredTree,
    RepositoryPlan,
    failed_change,
    list_repositories,
    plan_repository,
    to_result,
)
from distgen.publish.scheduler import Dependencies, RunState, run_parents_first, sort_parents_first
from distgen.text.diff import diff_file

RenderTree = Callable[[Image], Tree]
_BATCH = 256  # repositories


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """What to publish: images and how to render each, and branches that left the catalogue."""

    catalogue: Catalogue
    images: tuple[Image, ...]
    trees: RenderTree
    retired: tuple[BranchTarget, ...] = ()


def publish(request: PublishRequest, store: Store, options: PublishOptions) -> Iterator[Result]:
    """Publish the images, parents first; yield each result as soon as it is known.

    The repositories are worked on in batches, so that the trees of thousands of images need no more
    memory than those of one batch.
    """
    ground = PublishContext(store.git, store, options)
    course = _course(request, options, store.git)
    repositories = sort_parents_first(_repositories(request, options), course.kinship)
    _begin(options, repositories)
    with thread_pool(store.git.stop, options.jobs) as pool:
        for batch in _batches(repositories):
            planned = tuple(_planned(pool, ground, batch, request, course))
            _announce(options, (change for delivery in planned for change in delivery.changes))
            for change in _published(pool, ground, planned, course):
                told = to_result(change)
                options.observe("result", result_row(told))
                yield told


def plan_each(
    request: PublishRequest, git: Git, options: PublishOptions, store: Path | None = None
) -> Iterator[Change]:
    """Yield the changes that `publish` would make, parents first; write nothing.

    What lies on a server is read through a temporary store, which borrows from the one at `store`.
    """
    course = _course(request, options, git)
    repositories = sort_parents_first(_repositories(request, options), course.kinship)
    _begin(options, repositories)
    with (
        _reading_store(git, repositories, store) as scratch,
        thread_pool(git.stop, options.jobs) as pool,
    ):
        ground = PublishContext(git, scratch, options)
        for batch in _batches(repositories):
            planned = tuple(_planned(pool, ground, batch, request, course))
            _announce(options, (change for delivery in planned for change in delivery.changes))
            settled, deliveries = _settled(planned)
            for change in settled:
                course.note(change)
            yield from settled
            yield from run_parents_first(pool, lambda found: found.changes, deliveries, course)


def plan_only(
    request: PublishRequest, git: Git, options: PublishOptions, store: Path | None = None
) -> tuple[Change, ...]:
    """Return the changes that `publish` would make, in the order of the images; write nothing."""
    found = {change.key: change for change in plan_each(request, git, options, store)}
    keys = (*(image.key for image in request.images), *(gone.key for gone in request.retired))
    return tuple(found[key] for key in keys)


def status_of(change: Change) -> Result:
    """Return what `status` says of a branch: unchanged, behind, drifted, or what stops a plan."""
    if change.edits:
        return replace(to_result(change), status="drifted", detail=change.detail)
    if change.status in COMMIT_STATUSES:
        detail = change.detail or ("not published yet" if change.parent is None else "")
        return replace(to_result(change), status="behind", commit=change.parent, detail=detail)
    return to_result(change)


def format_diff(change: Change) -> str:
    """Return the unified diff of what a change would do to its branch."""
    after: dict[str, bytes | None] = dict.fromkeys(change.delete)
    after |= {file.path: file.content for file in change.write}
    paths = sorted(after, key=lambda path: (path == MANIFEST, path))  # what it sums up goes first
    return "".join(diff_file(path, change.before.get(path), after[path]) for path in paths)


def _begin(options: PublishOptions, repositories: Sequence[Repository]) -> None:
    facts = {"version": options.provenance.version, "repositories": len(repositories)}
    options.observe("started", {**facts, "jobs": options.jobs})


def _announce(options: PublishOptions, planned: Iterable[Change]) -> None:
    for change in planned:
        options.observe("planned", result_row(to_result(change)))


def _repositories(request: PublishRequest, options: PublishOptions) -> tuple[Repository, ...]:
    repositories = list_repositories(request.catalogue, request.images, request.retired)
    if options.dirty and not options.allow_dirty:
        for repository in repositories:
            if repository.place.folder is None:
                raise InputError(
                    f"the catalogue has changes that are not committed, and {repository.place} "
                    "is not on this machine",
                    hint="commit them, or use --allow-dirty",
                )
    return repositories


def _course(request: PublishRequest, options: PublishOptions, git: Git) -> RunState:
    parents = {
        image.key: tuple(parent.image for parent in image.parents if parent.image)
        for image in request.images
    }
    kinship = Dependencies(parents, options.independent)
    return RunState(kinship, options.jobs, git.stop, options.fail_fast)


def _batches(repositories: Sequence[Repository]) -> Iterator[Sequence[Repository]]:
    for start in range(0, len(repositories), _BATCH):
        yield repositories[start : start + _BATCH]


def _planned(
    pool: Executor,
    ground: PublishContext,
    repositories: Sequence[Repository],
    request: PublishRequest,
    course: RunState,
) -> Iterator[Delivery]:
    """Yield the plan of each repository; servers are asked while trees are rendered."""
    by_key = {image.key: image for image in request.images}
    surveys = {
        found.url: pool.submit(
            read_remote_heads, ground.git, found.place, [t.branch for t in found.targets]
        )
        for found in repositories
        if found.place.folder is None and not course.halted()
    }
    plans: list[tuple[Repository, dict[str, DesiredTree], Future[RepositoryPlan]]] = []
    for repository in repositories:
        if why := course.halted():
            held = tuple(failed_change(found, why, "skipped") for found in repository.targets)
            yield Delivery(repository, RemoteHeads(True), held, {})
            continue
        wanted = {
            found.key: _wanted(by_key.get(found.key), request.trees) for found in repository.targets
        }
        asked = surveys.get(repository.url)
        known = asked.result if asked else None
        plans.append(
            (repository, wanted, pool.submit(plan_repository, ground, repository, wanted, known))
        )
    for repository, hoped, job in plans:
        stands, planned = job.result()
        yield Delivery(repository, stands, planned, hoped)


def _published(
    pool: Executor, ground: PublishContext, planned: Sequence[Delivery], course: RunState
) -> Iterator[Change]:
    """Write the commits of a batch and push them; yield each change as it ended."""
    store = ground.store
    assert store is not None
    settled, deliveries = _settled(planned)
    for change in settled:
        course.note(change)
    yield from settled
    if not course.halted():
        deliveries, broken = _written(pool, ground, store, deliveries)
        for change in broken:
            course.note(change)
        yield from broken
    yield from run_parents_first(
        pool, lambda found: deliver(ground, store, found), deliveries, course
    )


def _wanted(image: Image | None, trees: RenderTree) -> DesiredTree:
    if image is None:
        return None
    try:
        return trees(image)
    except DistgenError as error:
        return error


def _settled(planned: Sequence[Delivery]) -> tuple[tuple[Change, ...], tuple[Delivery, ...]]:
    """Split what is decided already from what has commits to deliver."""
    settled = tuple(c for d in planned for c in d.changes if c.status not in COMMIT_STATUSES)
    deliveries = (
        replace(d, changes=tuple(c for c in d.changes if c.status in COMMIT_STATUSES))
        for d in planned
    )
    return settled, tuple(delivery for delivery in deliveries if delivery.changes)


def _written(
    pool: Executor, ground: PublishContext, store: Store, deliveries: Sequence[Delivery]
) -> tuple[tuple[Delivery, ...], tuple[Change, ...]]:
    """Write all commits in one go; return the deliveries that are ready, and what could not be."""
    ready, broken = _supplied(pool, ground, store, deliveries)
    try:
        write_commits(store, [change for delivery in ready for change in delivery.changes])
    except DistgenError:
        # The store is only a cache: begin it again, and find out which repository it cannot hold.
        reset_store(store)
        again, lost = _supplied(pool, ground, store, ready)
        ready, broken = (), (*broken, *lost)
        for delivery in again:
            try:
                write_commits(store, delivery.changes)
                ready = (*ready, delivery)
            except DistgenError as error:
                broken = (*broken, *_lost(delivery, error))
    return ready, broken


def _supplied(
    pool: Executor, ground: PublishContext, store: Store, deliveries: Sequence[Delivery]
) -> tuple[tuple[Delivery, ...], tuple[Change, ...]]:
    jobs = [
        (delivery, pool.submit(fetch_parents, ground, store, delivery)) for delivery in deliveries
    ]
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
