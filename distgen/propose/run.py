"""Propose: one review per image and stream, in place of a push to the dist-git branch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Event

from distgen.compare.siblings import find_siblings
from distgen.errors import DistgenError, InputError
from distgen.forges.forge import Forge
from distgen.forges.load import NO_FORGE, load_forge
from distgen.forges.records import Account, Refs, ReviewContext
from distgen.git.refs import HEADS
from distgen.git.remote import RemoteHeads, ask_for_refs, list_refs, read_remote_heads
from distgen.git.store import Store, write_commits
from distgen.model.catalogue import Catalogue, Image
from distgen.model.published import Change, Result
from distgen.model.words import COMMIT_STATUSES
from distgen.pool import await_result, thread_pool
from distgen.propose.prepare import prepare_commits, write_initial_commits
from distgen.propose.reviews import ReviewPlan, update_review
from distgen.publish.delivery import Delivery
from distgen.publish.events import report_plans, report_start
from distgen.publish.options import PublishContext, PublishOptions
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
    repository_creator,
)
from distgen.publish.results import failed_change, to_result
from distgen.publish.scheduler import (
    RunState,
    find_dependencies,
    run_parents_first,
    sort_parents_first,
)

_BATCH = 100  # repositories


@dataclass(frozen=True, slots=True)
class ProposeRequest:
    """What to propose: images, how to render each, and the account for the forge of each namespace.

    `parents` are images that are not proposed now, but that some of `images` may depend on. A `dry`
    run finds out what would happen, and changes nothing.
    """

    catalogue: Catalogue
    images: tuple[Image, ...]
    render: RenderTree
    accounts: Mapping[str, Account] = field(default_factory=dict)
    parents: tuple[Image, ...] = ()
    dry: bool = False

    @property
    def all_images(self) -> tuple[Image, ...]:
        return (*self.images, *self.parents)


def propose_images(
    request: ProposeRequest, store: Store, options: PublishOptions
) -> Iterator[Result]:
    """Bring the reviews of all images up to date, parents first; yield each result when known."""
    context, stop = PublishContext(store, options), store.git.stop
    request = replace(request, accounts=_stoppable(request.accounts, stop))
    dependencies = find_dependencies(request.all_images, independent=True)
    state = RunState(dependencies, options.jobs, stop, options.fail_fast)
    repositories = sort_parents_first(_repositories(request, options), dependencies)
    footers: dict[str, str] = {}
    addresses: dict[str, str] = {}
    report_start(options.observe, options.provenance.version, len(repositories), options.jobs)
    with thread_pool(stop, options.jobs) as pool:
        for start in range(0, len(repositories), _BATCH):
            batch = repositories[start : start + _BATCH]
            if reason := state.stop_reason():
                changes = _skip(request, batch, reason)
            else:
                plans = tuple(_plan_batch(pool, context, request, batch))
                footers |= _footers(plans)
                plans = _only_requested(request, plans)
                are_all = len(repositories) <= _BATCH
                plans = _with_siblings(request, plans, addresses, are_all)
                report_plans(options.observe, (c for plan in plans for c in plan.delivery.changes))
                changes = _propose_batch(pool, context, plans, state, footers)
            for result in map(to_result, changes):
                options.observe("result", result_row(result))
                yield result


def _skip(
    request: ProposeRequest, repositories: Iterable[Repository], reason: str
) -> Iterator[Change]:
    """Yield the changes of repositories that are not begun."""
    keys = {image.key for image in request.images}
    for repository in repositories:
        for target in repository.targets:
            if target.key in keys:
                yield failed_change(target, reason, "skipped")


# --- planning ------------------------------------------------------------------------------------


def _repositories(request: ProposeRequest, options: PublishOptions) -> tuple[Repository, ...]:
    images = {image.key: image for image in request.all_images}
    repositories = list_repositories(request.catalogue, tuple(images.values()))
    for repository in repositories:
        _refuse_without_forge(repository)
    refuse_dirty_catalogue(options, repositories)
    refuse_local_targets(options, repositories)
    return repositories


def _refuse_without_forge(repository: Repository) -> None:
    if repository.forge == NO_FORGE:
        raise InputError(
            f"{repository.targets[0].image} has no forge to propose anything on",
            hint="set dist_git.forge",
        )
    forge = load_forge(repository.forge)
    patterns = {ref for target in repository.targets for ref in forge.ref_patterns(target.stream)}
    for target in repository.targets:
        if f"{HEADS}{target.branch}" in patterns:
            raise InputError(
                f"branch {target.branch} of {target.key} is one that reviews are proposed on",
                hint="give the stream a branch of another name",
            )


def _plan_batch(
    pool: Executor,
    context: PublishContext,
    request: ProposeRequest,
    repositories: Sequence[Repository],
) -> Iterator[ReviewPlan]:
    """Plan repositories; servers are asked while the next trees are rendered."""
    images = {image.key: image for image in request.all_images}
    jobs = []
    for repository in repositories:
        review_context = _review_context(
            context, request, repository, images[repository.targets[0].key]
        )
        trees = {
            target.key: desired_tree(images[target.key], request.render)
            for target in repository.targets
        }
        jobs.append(pool.submit(_plan, context, repository, review_context, trees, request.dry))
    for job in jobs:
        yield await_result(job)


def _review_context(
    context: PublishContext, request: ProposeRequest, repository: Repository, image: Image
) -> ReviewContext:
    dist_git = request.catalogue.namespaces[image.namespace].dist_git
    return ReviewContext(
        store=context.store,
        place=repository.place,
        account=request.accounts.get(image.namespace, Account()),
        labels=dist_git.labels,
    )


def _plan(
    context: PublishContext,
    repository: Repository,
    review_context: ReviewContext,
    desired_trees: Mapping[str, DesiredTree],
    dry: bool,
) -> ReviewPlan:
    forge = load_forge(repository.forge)
    refs: Refs = {}
    try:
        heads, refs = _list_refs(context, repository, review_context, forge)
        if not heads.exists and review_context.place.folder is None:
            create = repository_creator(context, repository, heads.answer)
            if not dry:
                create()
            heads = RemoteHeads(True)
        plan = plan_repository(context, repository, desired_trees, lambda: heads)
    except DistgenError as error:
        failures = (failed_change(target, str(error)) for target in repository.targets)
        plan = RepositoryPlan(RemoteHeads(True), tuple(failures))
    delivery = Delivery(repository, plan.heads, plan.changes, desired_trees)
    return ReviewPlan(review_context, forge, delivery, refs, dry, context.options.observe)


def _list_refs(
    context: PublishContext, repository: Repository, review_context: ReviewContext, forge: Forge
) -> tuple[RemoteHeads, Refs]:
    """Ask a repository for its heads and the refs of its reviews, a server only once."""
    branches = [target.branch for target in repository.targets]
    streams = {target.stream for target in repository.targets}
    patterns = sorted({ref for stream in streams for ref in forge.ref_patterns(stream)})
    if review_context.place.folder is not None:
        heads = read_remote_heads(context.git, review_context.place, branches)
        refs = list_refs(context.git, review_context.place, patterns) if heads.exists else {}
        return heads, refs or {}
    branch_of = {f"{HEADS}{branch}": branch for branch in branches}
    refs, answer = ask_for_refs(context.git, review_context.place, [*branch_of, *patterns])
    if refs is None:
        return RemoteHeads(False, answer=answer), {}
    return RemoteHeads(True, {branch_of[ref]: refs[ref] for ref in branch_of if ref in refs}), refs


def _footers(plans: Collection[ReviewPlan]) -> dict[str, str]:
    """Return the lines by which the reviews of children name these."""
    return {
        change.key: plan.forge.depends_on_footer(plan.review_context, plan.subject(change))
        for plan in plans
        if plan.forge.depends_on_footer
        for change in plan.delivery.changes
        if change.status in COMMIT_STATUSES
    }


def _only_requested(
    request: ProposeRequest, plans: Collection[ReviewPlan]
) -> tuple[ReviewPlan, ...]:
    """Return the plans without the changes of parents that are not proposed."""
    keys = {image.key for image in request.images}
    requested = []
    for plan in plans:
        changes = tuple(change for change in plan.delivery.changes if change.key in keys)
        if changes:
            requested.append(replace(plan, delivery=replace(plan.delivery, changes=changes)))
    return tuple(requested)


def _with_siblings(
    request: ProposeRequest,
    plans: Sequence[ReviewPlan],
    addresses: MutableMapping[str, str],
    are_all: bool,
) -> tuple[ReviewPlan, ...]:
    """Return the plans with the same changes of other repositories, for the texts of reviews."""
    changes = (change for plan in plans for change in plan.delivery.changes)
    siblings = find_siblings(changes, request.catalogue.images)
    return tuple(
        replace(plan, siblings=siblings, addresses=addresses, are_all=are_all) for plan in plans
    )


# --- proposing -----------------------------------------------------------------------------------


def _propose_batch(
    pool: Executor,
    context: PublishContext,
    plans: Sequence[ReviewPlan],
    state: RunState,
    footers: Mapping[str, str],
) -> Iterator[Change]:
    """Prepare the commits of all plans, write them in one go, then bring the reviews up to date."""
    footers_of_parents = {
        key: tuple(dict.fromkeys(footers[parent] for parent in parents if footers.get(parent)))
        for key, parents in state.dependencies.parents.items()
    }
    write_initial_commits(context.store, plans)
    jobs = [pool.submit(prepare_commits, context, plan, footers_of_parents) for plan in plans]
    plan_of = {plan.delivery.repository.url: plan for plan in map(await_result, jobs)}
    changes = (c for plan in plan_of.values() if not plan.dry for c in plan.delivery.changes)
    with suppress(DistgenError):  # the same error is reported when the review is due
        write_commits(
            context.store, [change for change in changes if change.status in COMMIT_STATUSES]
        )

    def update_reviews(delivery: Delivery) -> tuple[Change, ...]:
        plan = plan_of[delivery.repository.url]
        return tuple(update_review(plan, change) for change in delivery.changes)

    deliveries = [plan.delivery for plan in plan_of.values()]
    yield from run_parents_first(pool, update_reviews, deliveries, state)


def _stoppable(accounts: Mapping[str, Account], stop: Event) -> dict[str, Account]:
    """Let no wait for a forge outlast the run."""
    return {
        name: replace(account, policy=replace(account.policy, stop=stop))
        for name, account in accounts.items()
    }
