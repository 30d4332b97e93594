"""Publish: ask the repositories, plan, write all commits at once, push parents before children."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.cat_file import ObjectReader
from distgen.git.local import remove_unfinished
from distgen.git.remote import RemoteHeads, read_remote_heads
from distgen.git.run import Git
from distgen.git.store import Store, limit_packs, reset_store, scratch_store, write_commits
from distgen.model.catalogue import Catalogue, Image
from distgen.model.published import Change, Result
from distgen.model.words import Status
from distgen.pool import await_result, thread_pool
from distgen.publish.delivery import Delivery, split_decided
from distgen.publish.events import report_plans, report_start
from distgen.publish.options import LocalContext, PlanContext, PublishContext, PublishOptions
from distgen.publish.report import result_row
from distgen.publish.repository_access import Repository, list_repositories
from distgen.publish.repository_plan import (
    DesiredTree,
    RenderTree,
    RepositoryPlan,
    desired_tree,
    plan_repository,
    refuse_dirty_catalogue,
    refuse_local_targets,
)
from distgen.publish.results import failed_change, to_result, without_commit
from distgen.publish.scheduler import (
    RunState,
    find_dependencies,
    run_parents_first,
    sort_parents_first,
)
from distgen.publish.shard import batches_of_shard, keys_of_others
from distgen.publish.target import BranchTarget

_BATCH = 256  # repositories


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """What to publish: images and how to render each, and branches that left the catalogue."""

    catalogue: Catalogue
    images: tuple[Image, ...]
    render: RenderTree
    orphans: tuple[BranchTarget, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys of all that is published, in the order of the catalogue."""
        keys = (image.key for image in self.images)
        return (*keys, *(orphan.key for orphan in self.orphans))


def publish_images(
    request: PublishRequest,
    store: Store,
    options: PublishOptions,
    statuses: Mapping[str, Status] | None = None,
) -> Iterator[Result]:
    """Publish the images, parents first; yield each result as soon as it is known.

    `statuses` are those of parents that another run has published.

    The repositories are worked on in batches, so that the trees of thousands of images need no more
    memory than those of one batch.
    """
    store = replace(store, git=replace(store.git, pushes=True))
    context = PublishContext(store, options)
    state = new_state(request, options, store.git)
    state.statuses.update(statuses or {})
    repositories = sort_parents_first(checked_repositories(request, options), state.dependencies)
    state.others = keys_of_others(repositories, options.shard)
    for folder in {repo.place.folder.parent for repo in repositories if repo.place.folder}:
        remove_unfinished(folder)
    _report_start(options, repositories)
    with thread_pool(store.git.stop, options.jobs) as pool:
        for batch in _batches(repositories, options, state):
            deliveries = tuple(_plan_batch(pool, context, batch, request, state))
            _report_plans(options, deliveries)
            for change in _publish_batch(pool, context, deliveries, state):
                if change.key in state.others:
                    continue
                result = to_result(change)
                options.observe("result", result_row(result))
                yield result


def plan_each(
    request: PublishRequest, git: Git, options: PublishOptions, store: Path | None = None
) -> Generator[Change, None, None]:
    """Yield the changes that `publish` would make, parents first; write nothing.

    What lies on a server is read through a temporary store, which borrows from the one at `store`.
    """
    state = new_state(request, options, git)
    repositories = sort_parents_first(checked_repositories(request, options), state.dependencies)
    state.others = keys_of_others(repositories, options.shard)
    _report_start(options, repositories)
    with (
        _open_context(git, options, repositories, store) as context,
        thread_pool(git.stop, options.jobs) as pool,
    ):
        for batch in _batches(repositories, options, state):
            deliveries = tuple(_plan_batch(pool, context, batch, request, state))
            _report_plans(options, deliveries)
            decided, deliveries = split_decided(deliveries)
            planned = run_parents_first(pool, lambda delivery: delivery.changes, deliveries, state)
            changes = chain(state.record(decided), planned)
            yield from (change for change in changes if change.key not in state.others)


def checked_repositories(
    request: PublishRequest, options: PublishOptions
) -> tuple[Repository, ...]:
    """Return the repositories of a request, where the options allow to publish there."""
    repositories = list_repositories(request.catalogue, request.images, request.orphans)
    refuse_dirty_catalogue(options, repositories)
    refuse_local_targets(options, repositories)
    return repositories


def new_state(request: PublishRequest, options: PublishOptions, git: Git) -> RunState:
    """Return the state of a run that begins."""
    dependencies = find_dependencies(request.images, independent=options.independent)
    return RunState(dependencies, options.jobs, git.stop, options.fail_fast)


def _batches(
    repositories: Sequence[Repository], options: PublishOptions, state: RunState
) -> Iterator[Sequence[Repository]]:
    """Yield the repositories of this run in batches, with those of others that they wait for."""
    if options.shard is not None:
        parents = state.dependencies.parents
        yield from batches_of_shard(repositories, parents, options.shard, _BATCH)
        return
    for start in range(0, len(repositories), _BATCH):
        yield repositories[start : start + _BATCH]


def _report_start(options: PublishOptions, repositories: Sequence[Repository]) -> None:
    count = sum(options.owns(repository.url) for repository in repositories)
    report_start(options.observe, options.provenance.version, count, options.jobs)


def _report_plans(options: PublishOptions, deliveries: Sequence[Delivery]) -> None:
    own = (delivery for delivery in deliveries if options.owns(delivery.repository.url))
    report_plans(options.observe, (change for delivery in own for change in delivery.changes))


def _plan_batch(
    pool: Executor,
    context: PlanContext,
    repositories: Sequence[Repository],
    request: PublishRequest,
    state: RunState,
) -> Iterator[Delivery]:
    """Yield the plan of each repository; servers are asked while trees are rendered."""
    images = {image.key: image for image in request.images}
    ids = context.options.tree_ids
    heads_by_url = _ask_servers(pool, context.git, repositories, state)
    jobs: list[tuple[Repository, dict[str, DesiredTree], Future[RepositoryPlan]]] = []
    for repository in repositories:
        trees = {
            target.key: desired_tree(images.get(target.key), request.render, ids)
            for target in repository.targets
            if not state.stop_reason()
        }
        if reason := state.stop_reason():  # before it was rendered, or while it was
            skipped = (failed_change(target, reason, "skipped") for target in repository.targets)
            yield Delivery(repository, RemoteHeads(True), tuple(skipped), {})
            continue
        heads = heads_by_url.get(repository.url)
        wait = heads.result if heads else None
        plan = partial(plan_repository, context, repository, trees, wait)
        jobs.append((repository, trees, pool.submit(plan)))
    for repository, trees, job in jobs:
        repository_plan = await_result(job)
        yield Delivery(repository, repository_plan.heads, repository_plan.changes, trees)


def _ask_servers(
    pool: Executor, git: Git, repositories: Sequence[Repository], state: RunState
) -> dict[str, Future[RemoteHeads]]:
    """Begin to ask the servers for the heads of their repositories, by address."""
    return {
        repository.url: pool.submit(
            read_remote_heads,
            git,
            repository.place,
            [target.branch for target in repository.targets],
        )
        for repository in repositories
        if repository.place.folder is None and not state.stop_reason()
    }


def _publish_batch(
    pool: Executor, context: PublishContext, deliveries: Sequence[Delivery], state: RunState
) -> Iterator[Change]:
    """Write the commits of a batch and push them; yield each change as it ended."""
    decided, deliveries = split_decided(deliveries)
    yield from state.record(decided)
    if not deliveries:
        return
    # Most runs find that nothing changed, and need none of this.
    from distgen.publish.await_parents import deliver_or_await

    if not state.stop_reason():
        own = [delivery for delivery in deliveries if context.options.owns(delivery.repository.url)]
        ready, failures = _write_commits(pool, context, own)
        yield from state.record(failures)
        failed_urls = {delivery.repository.url for delivery in own} - {
            delivery.repository.url for delivery in ready
        }
        deliveries = tuple(d for d in deliveries if d.repository.url not in failed_urls)
    yield from run_parents_first(pool, partial(deliver_or_await, context), deliveries, state)


def _write_commits(
    pool: Executor, context: PublishContext, deliveries: Sequence[Delivery]
) -> tuple[tuple[Delivery, ...], tuple[Change, ...]]:
    """Write all commits in one go; return the deliveries that are ready, and the failures."""
    limit_packs(context.store.git, context.store.folder)
    ready, failures = _fetch_all_parents(pool, context, deliveries)
    try:
        write_commits(context.store, [change for delivery in ready for change in delivery.changes])
    except DistgenError:
        # The store is only a cache: begin it again, and find out which repository it cannot hold.
        reset_store(context.store)
        retried, more_failures = _fetch_all_parents(pool, context, ready)
        ready, failures = (), (*failures, *more_failures)
        for delivery in retried:
            try:
                write_commits(context.store, delivery.changes)
                ready = (*ready, delivery)
            except DistgenError as error:
                failures = (*failures, *_fail_delivery(delivery, error))
    return ready, failures


def _fetch_all_parents(
    pool: Executor, context: PublishContext, deliveries: Sequence[Delivery]
) -> tuple[tuple[Delivery, ...], tuple[Change, ...]]:
    from distgen.publish.deliver import fetch_parents

    jobs = [(delivery, pool.submit(fetch_parents, context, delivery)) for delivery in deliveries]
    ready: list[Delivery] = []
    failures: list[Change] = []
    for delivery, job in jobs:
        try:
            await_result(job)
            ready.append(delivery)
        except DistgenError as error:
            failures += _fail_delivery(delivery, error)
    return tuple(ready), tuple(failures)


def _fail_delivery(delivery: Delivery, error: DistgenError) -> Iterator[Change]:
    for change in delivery.changes:
        yield without_commit(change, "failed", str(error))


@contextmanager
def _open_context(
    git: Git, options: PublishOptions, repositories: Sequence[Repository], beside: Path | None
) -> Iterator[PlanContext]:
    """Open a temporary store when a repository lies on a server; local ones are read in place."""
    if all(repository.place.folder is not None for repository in repositories):
        with ObjectReader(git, beside or Path()) as reader:
            yield LocalContext(git, options, reader if beside else None)
        return
    with scratch_store(git, beside) as store:
        yield PublishContext(store, options)
