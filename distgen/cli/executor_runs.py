"""Render, check and publish batches of images elsewhere: what the commands do with --executor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from distgen import __version__
from distgen.catalogue.commit import History, list_history
from distgen.catalogue.cut import cut_speculation
from distgen.catalogue.speculation import Speculation
from distgen.cli import prepare
from distgen.cli.batch_tasks import (
    BatchRefusal,
    PublishSettings,
    Shipment,
    add_variables,
    lint_batch,
    publish_batch,
    render_batch,
)
from distgen.cli.session import Choice, Session
from distgen.cli.source_options import SourceOptions
from distgen.errors import DistgenError, InputError
from distgen.executors import PROCESSES, describe_loss, open_workers
from distgen.git.run import isolate
from distgen.lint.findings import in_order
from distgen.model.catalogue import Image
from distgen.model.lock import Lock
from distgen.model.published import Result
from distgen.model.rendered import Finding, Tree
from distgen.model.words import Status
from distgen.publish.batches import BatchOutcome, publish_batches
from distgen.publish.events import report_start
from distgen.publish.run import checked_repositories, new_state
from distgen.publish.scheduler import sort_parents_first

Answer = TypeVar("Answer")
_IMAGES_IN_A_BATCH = 64


def render_elsewhere(
    place: str, speculation: Speculation, lock: Lock, images: Sequence[Image]
) -> Iterator[Tree]:
    """Return the trees of images in their order, rendered by workers."""
    return _map_batches(place, render_batch, speculation, lock, images)


def lint_elsewhere(
    session: Session, place: str, speculation: Speculation, lock: Lock, images: Sequence[Image]
) -> tuple[Finding, ...]:
    """Return what rules and linters say, as workers found it."""
    task = partial(lint_batch, use_cache=session.use_cache)
    return in_order(_map_batches(place, task, speculation, lock, images))


def publish_elsewhere(session: Session, place: str, run: prepare.Run) -> Iterator[Result]:
    """Publish batches on workers, parents before children; yield each result as it comes."""
    _refuse_what_stays_here(place, run)
    settings = _settings(session, run)
    state = new_state(run.request, run.options, run.git)
    repositories = checked_repositories(run.request, run.options)
    repositories = sort_parents_first(repositories, state.dependencies)
    observe = run.options.observe
    # What tells git of keys and certificates was taken out of this process's own environment.
    variables = {name: text for name, text in session.environ.items() if name.startswith("GIT_")}
    with open_workers(place, partial(add_variables, variables), run.git.stop) as workers:
        jobs = run.options.jobs * workers.count
        report_start(observe, run.options.provenance.version, len(repositories), jobs)

        def submit(keys: Sequence[str], statuses: Mapping[str, Status]) -> Future[BatchOutcome]:
            shipment = _ship_targets(run, keys)
            return workers.submit(publish_batch, shipment, settings, statuses)

        for outcome in publish_batches(repositories, submit, workers.count, state):
            for step, about in outcome.steps:
                observe(step, about)
            yield from outcome.results


def _ship_targets(run: prepare.Run, keys: Sequence[str]) -> Shipment:
    """Return what publishes the images and retires the branches of these keys."""
    orphans = tuple(orphan for orphan in run.request.orphans if orphan.key in keys)
    retired = {orphan.key for orphan in orphans}
    image_keys = tuple(key for key in keys if key not in retired)
    # A namespace's token is for the folder that all its repositories are in: two of them tell it.
    namespaces = {orphan.image.partition("/")[0] for orphan in orphans}
    if not namespaces <= run.request.catalogue.namespaces.keys():
        # What a namespace left may be in the folder of any other.
        namespaces = {*run.request.catalogue.namespaces}
    witnesses = []
    for name in sorted(namespaces):
        images = [image for image in run.request.catalogue.images if image.namespace == name]
        images.sort(key=lambda image: image.url)
        witnesses += [image.key for image in (*images[:1], *images[-1:])]
    shipment = _ship(run.inputs.speculation, run.inputs.lock, (*image_keys, *witnesses))
    return replace(shipment, keys=image_keys, orphans=orphans)


def _settings(session: Session, run: prepare.Run) -> PublishSettings:
    """Return what all tasks of a run are given; the lock and the images come with each."""
    options = replace(run.asked, choice=Choice((), False, False), sets=(), executor=None)
    options = replace(options, remote=replace(options.remote, store=None))
    options = replace(options, overrides=SourceOptions())
    git, inputs = isolate(session.environ), run.inputs
    root = Path(run.request.catalogue.root)
    history = History(None) if options.allow_older else list_history(git, root, inputs.head)
    provenance = replace(inputs.provenance, lock=Lock())
    return PublishSettings(options, provenance, inputs.dirty, inputs.head, history)


def _refuse_what_stays_here(place: str, run: prepare.Run) -> None:
    """Refuse what only this process, or only this machine, can do."""
    if run.asked.sharding.part:
        # A batch that waited for another shard would hold a worker that the other one's batches
        # may need to go on.
        raise InputError(
            "does not go with --shard", where="--executor", hint="it shares the work already"
        )
    if place == PROCESSES:
        return
    for repository in checked_repositories(run.request, run.options):
        if repository.place.folder is not None:
            raise InputError(
                f"{repository.place} is a folder on this machine, and workers may be on others",
                hint="set dist_git.url to the address of a server",
            )


def _map_batches(
    place: str,
    task: Callable[[Shipment], tuple[Answer, ...] | BatchRefusal],
    speculation: Speculation,
    lock: Lock,
    images: Sequence[Image],
) -> Iterator[Answer]:
    """Yield what a task returns for batches of images, in their order; a few are under way."""
    todo = deque(batched_keys(images))
    running: deque[Future[tuple[Answer, ...] | BatchRefusal]] = deque()
    with open_workers(place) as workers:
        while todo or running:
            while todo and len(running) < 2 * workers.count:
                shipment = _ship(speculation, lock, todo.popleft())
                running.append(workers.submit(task, shipment))
            first = running.popleft()
            if loss := describe_loss(first):
                raise DistgenError(f"a batch was lost: {loss}", where="--executor")
            answers = first.result()
            if isinstance(answers, BatchRefusal):
                raise answers.as_error()
            yield from answers


def batched_keys(images: Sequence[Image]) -> Iterator[tuple[str, ...]]:
    """Yield the keys of images in batches."""
    for start in range(0, len(images), _IMAGES_IN_A_BATCH):
        yield tuple(image.key for image in images[start : start + _IMAGES_IN_A_BATCH])


def _ship(speculation: Speculation, lock: Lock, keys: Sequence[str]) -> Shipment:
    return Shipment(__version__, cut_speculation(speculation, keys), lock, tuple(keys))
