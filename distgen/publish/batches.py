"""Publish batches of repositories elsewhere, parents before children."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from distgen.executors import describe_loss
from distgen.model.published import Result
from distgen.model.words import Status
from distgen.pool import await_any
from distgen.publish.repository_access import Repository
from distgen.publish.results import failed_change, to_result
from distgen.publish.scheduler import RunState, number_prerequisites

_MOST = 64  # repositories


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What became of a batch, and the steps to tell an observer of."""

    results: tuple[Result, ...]
    steps: tuple[tuple[str, Mapping[str, object]], ...] = ()


Submit = Callable[[Sequence[str], Mapping[str, Status]], "Future[BatchOutcome]"]
"""Lets the images of these keys be published; the statuses are those of their parents."""


def publish_batches(
    repositories: Sequence[Repository], submit: Submit, workers: int, state: RunState
) -> Iterator[BatchOutcome]:
    """Yield what became of the repositories, in batches of those whose parents have ended."""
    prerequisites = number_prerequisites(repositories, state.dependencies)
    children: dict[int, list[int]] = {}
    for number, parents in enumerate(prerequisites):
        for parent in parents:
            children.setdefault(parent, []).append(number)
    ready = deque(number for number, parents in enumerate(prerequisites) if not parents)
    running: dict[Future[BatchOutcome], list[int]] = {}
    while ready or running:
        while ready and len(running) < 2 * workers:
            size = min(_MOST, -(-len(ready) // (2 * workers)))
            numbers = [ready.popleft() for _ in range(size)]
            batch = [repositories[number] for number in numbers]
            running[_begin(batch, submit, state)] = numbers
        for job in await_any(running):
            numbers = running.pop(job)
            outcome = _outcome_of(job, [repositories[number] for number in numbers])
            yield BatchOutcome(tuple(state.record(outcome.results)), outcome.steps)
            for number in numbers:
                for child in children.get(number, ()):
                    prerequisites[child].discard(number)
                    if not prerequisites[child]:
                        ready.append(child)


def _begin(batch: Sequence[Repository], submit: Submit, state: RunState) -> Future[BatchOutcome]:
    """Submit a batch; once the run has stopped, return it as skipped."""
    keys = [target.key for repository in batch for target in repository.targets]
    if reason := state.stop_reason():
        skipped: Future[BatchOutcome] = Future()
        skipped.set_result(BatchOutcome(tuple(_results_without_commit(batch, reason, "skipped"))))
        return skipped
    parents = {parent for key in keys for parent in state.dependencies.parents.get(key, ())}
    return submit(keys, {key: state.statuses[key] for key in parents & state.statuses.keys()})


def _outcome_of(job: Future[BatchOutcome], batch: Sequence[Repository]) -> BatchOutcome:
    """Return the outcome of a batch; one that was lost with its workers failed."""
    loss = describe_loss(job)
    if not loss:
        return job.result()
    reason = f"what published it ended: {loss}"
    return BatchOutcome(tuple(_results_without_commit(batch, reason, "failed")))


def _results_without_commit(
    batch: Sequence[Repository], reason: str, status: Status
) -> Iterator[Result]:
    targets = (target for repository in batch for target in repository.targets)
    return (to_result(failed_change(target, reason, status)) for target in targets)
