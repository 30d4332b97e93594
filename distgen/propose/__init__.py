"""Propose: one review per image and stream, in place of a push to the dist-git branch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from threading import Event

from distgen.errors import DistgenError, InputError
from distgen.forges import Account, Desk, Forge, Refs, forge
from distgen.model import Catalog, Change, Image, Result
from distgen.proposal import beginning
from distgen.propose.reviews import Plan, reviewed
from distgen.publish import Trees
from distgen.publish.deliver import COMMITTED, Delivery, supply
from distgen.publish.order import Course, Kinship, in_order
from distgen.publish.repositories import (
    Ground,
    Options,
    Repository,
    Wanted,
    changes,
    creation,
    failed,
    group,
    result,
)
from distgen.store import Store, write
from distgen.store.remotes import Survey, listing, push, survey

_HEADS = "refs/heads/"
Footers = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Request:
    """What to propose: images, how to render each, and who speaks to the forge of each namespace.

    `parents` are images that are not proposed now, but that some of `images` may depend on. A `dry`
    run finds out what would happen, and changes nothing.
    """

    catalog: Catalog
    images: tuple[Image, ...]
    trees: Trees
    accounts: Mapping[str, Account] = field(default_factory=dict)
    parents: tuple[Image, ...] = ()
    dry: bool = False


def propose(request: Request, store: Store, options: Options) -> Iterator[Result]:
    """Bring the reviews of all images up to date, parents first; yield each result when known."""
    ground = Ground(store.git, store, options)
    chosen = {image.key for image in request.images}
    request = replace(request, accounts=_stoppable(request.accounts, store.git.stop))
    with _pool(options.jobs, store.git.stop) as pool:
        found = tuple(_planned(pool, ground, request))
        footers = _footers(request, found)
        ready = [_only(plan, chosen) for plan in found]
        jobs = [
            pool.submit(_prepared, ground, plan, footers, request.dry)
            for plan in ready
            if plan.delivery.changes
        ]
        plans = {plan.delivery.repository.url: plan for plan in (job.result() for job in jobs)}
        if not request.dry:
            _written(store, plans.values())

        def work(delivery: Delivery) -> tuple[Change, ...]:
            plan = plans[delivery.repository.url]
            return tuple(reviewed(plan, change, request.dry) for change in delivery.changes)

        kinship = Kinship(_parents(request.images), independent=True)
        deliveries = [plan.delivery for plan in plans.values()]
        course = Course(kinship, options.jobs, store.git.stop)
        yield from map(result, in_order(pool, work, deliveries, course))


# --- planning ------------------------------------------------------------------------------------


def _planned(pool: Executor, ground: Ground, request: Request) -> Iterator[Plan]:
    """Plan every repository; servers are asked while the next trees are rendered."""
    images = {image.key: image for image in (*request.images, *request.parents)}
    jobs = []
    for repository in group(request.catalog, tuple(images.values())):
        _refuse(repository, ground.options)
        desk = _desk(ground, request, repository, images[repository.targets[0].key])
        wanted = {found.key: _rendered(request, images[found.key]) for found in repository.targets}
        jobs.append(pool.submit(_plan, ground, repository, desk, wanted, request.dry))
    for job in jobs:
        yield job.result()


def _refuse(repository: Repository, options: Options) -> None:
    if repository.forge == "none":
        raise InputError(
            f"{repository.targets[0].image} has no forge to propose anything on",
            hint="set dist_git.forge",
        )
    if options.dirty and not options.allow_dirty and repository.place.folder is None:
        raise InputError(
            f"the catalogue has changes that are not committed, and {repository.place} "
            "is not on this machine",
            hint="commit them, or use --allow-dirty",
        )


def _desk(ground: Ground, request: Request, repository: Repository, image: Image) -> Desk:
    assert ground.store is not None
    where = request.catalog.namespaces[image.namespace].dist_git
    return Desk(
        store=ground.store,
        place=repository.place,
        account=request.accounts.get(image.namespace, Account()),
        labels=where.labels,
    )


def _rendered(request: Request, image: Image) -> Wanted:
    try:
        return request.trees(image)
    except DistgenError as error:
        return error


def _plan(
    ground: Ground, repository: Repository, desk: Desk, wanted: Mapping[str, Wanted], dry: bool
) -> Plan:
    family = forge(repository.forge)
    refs: Refs = {}
    try:
        stands, refs = _looked(ground, repository, desk, family)
        if not stands.exists and desk.place.folder is None:
            maker = creation(ground.options, repository)
            if not dry:
                maker()
            stands = Survey(True)
        stands, planned = changes(ground, repository, wanted, lambda: stands)
    except DistgenError as error:
        stands = Survey(True)
        planned = tuple(failed(found, str(error)) for found in repository.targets)
    return Plan(desk, family, Delivery(repository, stands, planned, wanted), refs)


def _looked(
    ground: Ground, repository: Repository, desk: Desk, family: Forge
) -> tuple[Survey, Refs]:
    """Ask a repository where its branches and its reviews stand, a server only once."""
    branches = [found.branch for found in repository.targets]
    streams = {found.stream for found in repository.targets}
    patterns = {ref for stream in streams for ref in family.patterns(stream)}
    if desk.place.folder is not None:
        stands = survey(ground.git, desk.place, branches)
        found = listing(ground.git, desk.place, sorted(patterns)) if stands.exists else {}
        return stands, found or {}
    wanted = {f"{_HEADS}{branch}": branch for branch in branches}
    refs = listing(ground.git, desk.place, [*wanted, *sorted(patterns)])
    if refs is None:
        return Survey(False), {}
    return Survey(True, {wanted[ref]: refs[ref] for ref in wanted if ref in refs}), refs


def _footers(request: Request, plans: Collection[Plan]) -> Footers:
    """Return for each image the lines that name the reviews of its parents."""
    lines = {
        change.key: plan.forge.dependence(plan.desk, plan.subject(change))
        for plan in plans
        for change in plan.delivery.changes
        if change.status in COMMITTED
    }
    return {
        key: tuple(dict.fromkeys(lines[parent] for parent in kin if lines.get(parent)))
        for key, kin in _parents(request.images).items()
    }


def _parents(images: Sequence[Image]) -> dict[str, tuple[str, ...]]:
    return {
        image.key: tuple(parent.image for parent in image.parents if parent.image)
        for image in images
    }


def _only(plan: Plan, chosen: Collection[str]) -> Plan:
    kept = tuple(change for change in plan.delivery.changes if change.key in chosen)
    return replace(plan, delivery=replace(plan.delivery, changes=kept))


# --- before the reviews --------------------------------------------------------------------------


def _prepared(ground: Ground, plan: Plan, footers: Footers, dry: bool) -> Plan:
    """Begin missing branches, word the commits, and bring what they stand on into the store."""
    delivery = plan.delivery
    try:
        planned = delivery.changes if dry else _begun(ground, plan)
        planned = tuple(
            plan.forge.worded(plan.desk, change, footers.get(change.key, ()))
            if change.status in COMMITTED
            else change
            for change in planned
        )
        needed = [c for c in planned if plan.has_reviews(c) or (c.status in COMMITTED and not dry)]
        supply(ground, plan.desk.store, replace(delivery, changes=tuple(needed)))
    except DistgenError as error:
        planned = tuple(
            replace(change, status="failed", commit=change.parent, detail=str(error))
            for change in delivery.changes
        )
    return replace(plan, delivery=replace(delivery, changes=planned))


def _begun(ground: Ground, plan: Plan) -> tuple[Change, ...]:
    """Begin the branches that are missing, the first one first, and plan on them again."""
    delivery = plan.delivery
    missing = [change for change in delivery.changes if change.status == "created"]
    missing.sort(key=lambda change: change.branch != delivery.repository.head)
    if not missing:
        return delivery.changes
    exists = delivery.stands.exists
    for change in missing:
        seed = beginning(change)
        write(plan.desk.store, [seed])
        head = None if exists else delivery.repository.head
        refused = push(plan.desk.store, plan.desk.place, [seed], head)
        if refused and not survey(ground.git, plan.desk.place, [change.branch]).tips:
            raise DistgenError(
                f"branch {change.branch} cannot be begun: {refused}",
                where=plan.desk.place,
                hint="begin it by hand, for a review needs something to stand on",
            )
        exists = True
    keys = {change.key for change in delivery.changes}
    targets = tuple(found for found in delivery.repository.targets if found.key in keys)
    return changes(ground, replace(delivery.repository, targets=targets), delivery.wanted)[1]


def _written(store: Store, plans: Collection[Plan]) -> None:
    """Write all commits in one go; what that fails for is told when its review is due."""
    with suppress(DistgenError):
        write(store, [c for p in plans for c in p.delivery.changes if c.status in COMMITTED])


def _stoppable(accounts: Mapping[str, Account], stop: Event) -> dict[str, Account]:
    """Let nobody who waits for a forge outlive the run."""
    return {
        name: replace(account, patience=replace(account.patience, stop=stop))
        for name, account in accounts.items()
    }


@contextmanager
def _pool(jobs: int, stop: Event) -> Iterator[Executor]:
    pool, ended = ThreadPoolExecutor(max(1, jobs), thread_name_prefix="distgen"), False
    try:
        yield pool
        ended = True
    finally:
        if not ended:
            stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
