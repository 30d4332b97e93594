"""Propose: one review per image and stream, in place of a push to the dist-git branch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Event

from distgen.errors import DistgenError, InputError
from distgen.forges.forge import Forge, load_forge
from distgen.forges.records import Account, Refs, ReviewContext
from distgen.git.remote import RemoteHeads, list_refs, read_remote_heads
from distgen.git.store import Store, write_commits
from distgen.model.catalogue import Catalogue, Image
from distgen.model.published import Change, Result
from distgen.pool import thread_pool
from distgen.propose.prepare import prepare_commits, write_initial_commits
from distgen.propose.reviews import ReviewPlan, update_review
from distgen.publish.deliver import COMMIT_STATUSES, Delivery
from distgen.publish.options import PublishContext, PublishOptions, Repository
from distgen.publish.report import result_row
from distgen.publish.repositories import (
    DesiredTree,
    failed_change,
    list_repositories,
    plan_repository,
    repository_creator,
    to_result,
)
from distgen.publish.run import RenderTree
from distgen.publish.scheduler import Dependencies, RunState, run_parents_first, sort_parents_first

_BATCH = 100
_HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class ProposeRequest:
    """What to propose: images, how to render each, and who speaks to the forge of each namespace.

    `parents` are images that are not proposed now, but that some of `images` may depend on. A `dry`
    run finds out what would happen, and changes nothing.
    """

    catalogue: Catalogue
    images: tuple[Image, ...]
    trees: RenderTree
    accounts: Mapping[str, Account] = field(default_factory=dict)
    parents: tuple[Image, ...] = ()
    dry: bool = False


def propose(request: ProposeRequest, store: Store, options: PublishOptions) -> Iterator[Result]:
    """Bring the reviews of all images up to date, parents first; yield each result when known."""
    ground = PublishContext(store.git, store, options)
    stop = store.git.stop
    request = replace(request, accounts=_stoppable(request.accounts, stop))
    images = {image.key: image for image in (*request.images, *request.parents)}
    chosen = {image.key for image in request.images}
    course = RunState(Dependencies(_parents(images), True), options.jobs, stop, options.fail_fast)
    repositories = sort_parents_first(_repositories(request, options, images), course.kinship)
    footers: dict[str, str] = {}
    facts = {"version": options.provenance.version, "repositories": len(repositories)}
    options.observe("started", {**facts, "jobs": options.jobs})
    with thread_pool(stop, options.jobs) as pool:
        for start in range(0, len(repositories), _BATCH):
            batch = repositories[start : start + _BATCH]
            if why := course.halted():
                found = (
                    failed_change(one, why, "skipped") for each in batch for one in each.targets
                )
                changed: Iterator[Change] = (one for one in found if one.key in chosen)
            else:
                planned = tuple(_planned(pool, ground, request, batch, images))
                footers |= _footers(planned)
                ready = _only(planned, chosen)
                for change in (change for plan in ready for change in plan.delivery.changes):
                    options.observe("planned", result_row(to_result(change)))
                changed = _proposed(pool, ground, ready, course, footers)
            for told in map(to_result, changed):
                options.observe("result", result_row(told))
                yield told


# --- planning ------------------------------------------------------------------------------------


def _repositories(
    request: ProposeRequest, options: PublishOptions, images: Mapping[str, Image]
) -> tuple[Repository, ...]:
    found = list_repositories(request.catalogue, tuple(images.values()))
    for repository in found:
        _refuse(repository, options)
    return found


def _planned(
    pool: Executor,
    ground: PublishContext,
    request: ProposeRequest,
    repositories: Sequence[Repository],
    images: Mapping[str, Image],
) -> Iterator[ReviewPlan]:
    """Plan repositories; servers are asked while the next trees are rendered."""
    jobs = []
    for repository in repositories:
        desk = _desk(ground, request, repository, images[repository.targets[0].key])
        wanted = {found.key: _rendered(request, images[found.key]) for found in repository.targets}
        jobs.append(pool.submit(_plan, ground, repository, desk, wanted, request.dry))
    for job in jobs:
        yield job.result()


def _refuse(repository: Repository, options: PublishOptions) -> None:
    if repository.forge == "none":
        raise InputError(
            f"{repository.targets[0].image} has no forge to propose anything on",
            hint="set dist_git.forge",
        )
    family = load_forge(repository.forge)
    reviews = {ref for one in repository.targets for ref in family.ref_patterns(one.stream)}
    for one in repository.targets:
        if f"{_HEADS}{one.branch}" in reviews:
            raise InputError(
                f"branch {one.branch} of {one.key} is one that reviews are proposed on",
                hint="give the stream a branch of another name",
            )
    if options.dirty and not options.allow_dirty and repository.place.folder is None:
        raise InputError(
            f"the catalogue has changes that are not committed, and {repository.place} "
            "is not on this machine",
            hint="commit them, or use --allow-dirty",
        )


def _desk(
    ground: PublishContext, request: ProposeRequest, repository: Repository, image: Image
) -> ReviewContext:
    assert ground.store is not None
    where = request.catalogue.namespaces[image.namespace].dist_git
    return ReviewContext(
        store=ground.store,
        place=repository.place,
        account=request.accounts.get(image.namespace, Account()),
        labels=where.labels,
    )


def _rendered(request: ProposeRequest, image: Image) -> DesiredTree:
    try:
        return request.trees(image)
    except DistgenError as error:
        return error


def _plan(
    ground: PublishContext,
    repository: Repository,
    desk: ReviewContext,
    wanted: Mapping[str, DesiredTree],
    dry: bool,
) -> ReviewPlan:
    family = load_forge(repository.forge)
    refs: Refs = {}
    try:
        stands, refs = _looked(ground, repository, desk, family)
        if not stands.exists and desk.place.folder is None:
            maker = repository_creator(ground, repository)
            if not dry:
                maker()
            stands = RemoteHeads(True)
        stands, planned = plan_repository(ground, repository, wanted, lambda: stands)
    except DistgenError as error:
        stands = RemoteHeads(True)
        planned = tuple(failed_change(found, str(error)) for found in repository.targets)
    delivery = Delivery(repository, stands, planned, wanted)
    return ReviewPlan(desk, family, delivery, refs, dry, ground.options.observe)


def _looked(
    ground: PublishContext, repository: Repository, desk: ReviewContext, family: Forge
) -> tuple[RemoteHeads, Refs]:
    """Ask a repository where its branches and its reviews stand, a server only once."""
    branches = [found.branch for found in repository.targets]
    streams = {found.stream for found in repository.targets}
    patterns = {ref for stream in streams for ref in family.ref_patterns(stream)}
    if desk.place.folder is not None:
        stands = read_remote_heads(ground.git, desk.place, branches)
        found = list_refs(ground.git, desk.place, sorted(patterns)) if stands.exists else {}
        return stands, found or {}
    wanted = {f"{_HEADS}{branch}": branch for branch in branches}
    refs = list_refs(ground.git, desk.place, [*wanted, *sorted(patterns)])
    if refs is None:
        return RemoteHeads(False), {}
    return RemoteHeads(True, {wanted[ref]: refs[ref] for ref in wanted if ref in refs}), refs


def _footers(plans: Collection[ReviewPlan]) -> dict[str, str]:
    """Return the lines by which the reviews of children name these."""
    return {
        change.key: plan.forge.depends_on_footer(plan.desk, plan.subject(change))
        for plan in plans
        for change in plan.delivery.changes
        if change.status in COMMIT_STATUSES
    }


def _parents(images: Mapping[str, Image]) -> dict[str, tuple[str, ...]]:
    return {
        key: tuple(parent.image for parent in image.parents if parent.image)
        for key, image in images.items()
    }


def _only(plans: Collection[ReviewPlan], chosen: Collection[str]) -> tuple[ReviewPlan, ...]:
    """Return the plans with those changes only that are to be proposed."""
    kept = []
    for plan in plans:
        changes = tuple(one for one in plan.delivery.changes if one.key in chosen)
        if changes:
            kept.append(replace(plan, delivery=replace(plan.delivery, changes=changes)))
    return tuple(kept)


# --- proposing -----------------------------------------------------------------------------------


def _proposed(
    pool: Executor,
    ground: PublishContext,
    plans: Sequence[ReviewPlan],
    course: RunState,
    footers: Mapping[str, str],
) -> Iterator[Change]:
    """Prepare the commits of all plans, write them in one go, then bring the reviews up to date."""
    above = {
        key: tuple(dict.fromkeys(footers[parent] for parent in kin if footers.get(parent)))
        for key, kin in course.kinship.parents.items()
    }
    assert ground.store is not None
    write_initial_commits(ground.store, plans)
    jobs = [pool.submit(prepare_commits, ground, plan, above) for plan in plans]
    ready = {plan.delivery.repository.url: plan for plan in (job.result() for job in jobs)}
    made = (one for plan in ready.values() if not plan.dry for one in plan.delivery.changes)
    with suppress(DistgenError):  # what that fails for is told when its review is due
        write_commits(ground.store, [change for change in made if change.status in COMMIT_STATUSES])

    def work(delivery: Delivery) -> tuple[Change, ...]:
        plan = ready[delivery.repository.url]
        return tuple(update_review(plan, change) for change in delivery.changes)

    yield from run_parents_first(pool, work, [plan.delivery for plan in ready.values()], course)


def _stoppable(accounts: Mapping[str, Account], stop: Event) -> dict[str, Account]:
    """Let nobody who waits for a forge outlive the run."""
    return {
        name: replace(account, patience=replace(account.patience, stop=stop))
        for name, account in accounts.items()
    }
