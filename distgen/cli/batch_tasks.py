"""Tasks that run elsewhere: functions of what they are given, and of the environment there.

No secret is given: a worker finds tokens, keys and credential helpers in its own environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from distgen import __version__
from distgen.catalogue.commit import CatalogueCommit, History
from distgen.catalogue.speculation import Speculation
from distgen.cli import prepare
from distgen.cli.session import NO_CACHE_VARIABLE, Session
from distgen.cli.work import limited_work
from distgen.errors import DistgenError, InputError
from distgen.executors import stopping_with_the_run
from distgen.git.store import scratch_store
from distgen.lint.check import lint
from distgen.lint.external import LinterOptions, running_linters
from distgen.lint.work import render_trees
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock
from distgen.model.published import Provenance, Result
from distgen.model.rendered import Finding, Tree
from distgen.model.words import Status
from distgen.publish.batches import BatchOutcome
from distgen.publish.events import Observer
from distgen.publish.results import failed_change, to_result
from distgen.publish.run import publish_images
from distgen.publish.target import BranchTarget, branch_target


@dataclass(frozen=True, slots=True)
class Shipment:
    """A catalogue that travels, the lock, and what a task is about.

    That are the images of `keys`, and `orphans`, which are branches to retire.
    """

    version: str
    speculation: Speculation
    lock: Lock
    keys: tuple[str, ...]
    orphans: tuple[BranchTarget, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishSettings:
    """What the command line asks of a batch, and what its commits will name."""

    options: prepare.RunOptions
    provenance: Provenance
    dirty: tuple[str, ...]
    head: CatalogueCommit
    history: History


@dataclass(frozen=True, slots=True)
class BatchRefusal:
    """Why a task did nothing; an exception would lose its words on the way."""

    problem: str
    is_input: bool

    def as_error(self) -> DistgenError:
        """Return it as the error that it was."""
        return (InputError if self.is_input else DistgenError)(self.problem)


def add_variables(variables: Mapping[str, str]) -> None:
    """Give a process of this machine what its parent keeps out of its own environment."""
    os.environ.update(variables)


def render_batch(shipment: Shipment) -> tuple[Tree, ...] | BatchRefusal:
    """Return the trees of a batch, in the order of its keys."""
    try:
        work = limited_work(*_unpack(shipment))
        return tuple(render_trees(work))
    except DistgenError as error:
        return BatchRefusal(str(error), isinstance(error, InputError))


def lint_batch(shipment: Shipment, *, use_cache: bool) -> tuple[Finding, ...] | BatchRefusal:
    """Return what rules and linters say of a batch; this user's findings are kept here, too."""
    session = _session(use_cache)
    options = LinterOptions(jobs=1, cache=session.results)
    try:
        with running_linters(options) as linters:
            return lint(limited_work(*_unpack(shipment)), linters)
    except DistgenError as error:
        return BatchRefusal(str(error), isinstance(error, InputError))


def publish_batch(
    shipment: Shipment, settings: PublishSettings, statuses: Mapping[str, Status]
) -> BatchOutcome:
    """Publish a batch with a store of its own; safe to run twice, as any publishing is."""
    steps: list[tuple[str, Mapping[str, object]]] = []

    def observe(step: str, about: Mapping[str, object]) -> None:
        if step != "started":
            steps.append((step, dict(about)))

    try:
        results = tuple(_publish(shipment, settings, statuses, observe))
    except DistgenError as error:
        results = tuple(_failures(shipment, error))
    return BatchOutcome(results, tuple(steps))


def _publish(
    shipment: Shipment,
    settings: PublishSettings,
    statuses: Mapping[str, Status],
    observe: Observer,
) -> Iterator[Result]:
    _, lock, images = _unpack(shipment)
    provenance = replace(settings.provenance, lock=lock)
    speculation, dirty, head = shipment.speculation, settings.dirty, settings.head
    orphans = shipment.orphans
    inputs = prepare.Inputs(speculation, lock, images, provenance, dirty, head, orphans)
    session = _session(use_cache=False)
    git = prepare.git_that_tells(session, settings.options, observe)
    with stopping_with_the_run(git.stop), ExitStack() as stack:
        if git.connections:
            stack.callback(git.connections.close)
        history = settings.history
        run = prepare.assemble(session, settings.options, inputs, git, observe, history)
        store = stack.enter_context(scratch_store(run.git, prepare.existing_store(run.store)))
        yield from publish_images(run.request, store, run.options, statuses)


def _session(use_cache: bool) -> Session:
    environ = dict(os.environ)
    return Session(None, -1, False, environ, use_cache and not environ.get(NO_CACHE_VARIABLE))


def _unpack(shipment: Shipment) -> tuple[Catalogue, Lock, tuple[Image, ...]]:
    """Return the catalogue, the lock and the images; refuse those of another version."""
    if shipment.version != __version__:
        raise InputError(
            f"a worker has distgen {__version__}, and this run is of {shipment.version}",
            where="--executor",
            hint="install the same version on all workers",
        )
    catalogue = shipment.speculation.catalogue
    images = {image.key: image for image in catalogue.images}
    return catalogue, shipment.lock, tuple(images[key] for key in shipment.keys)


def _failures(shipment: Shipment, error: DistgenError) -> Iterator[Result]:
    images = shipment.speculation.catalogue.images
    targets = [branch_target(image) for image in images if image.key in shipment.keys]
    for target in (*targets, *shipment.orphans):
        change = failed_change(target, str(error))
        yield replace(to_result(change), exit_code=error.exit_code)
