"""Keep the processes that render earlier states of the catalogue, each within its limits."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distgen.catalogue.checkout import CatalogueRepository, check_out, commit_date
from distgen.errors import DistgenError
from distgen.publish.retirement import retirement_reason
from distgen.verify.claims import Claim
from distgen.verify.protocol import decode_rendition, decode_start, decode_sums
from distgen.verify.replay import Replay, replay_rendition
from distgen.verify.worker_process import Answer, WorkerCommand, WorkerFailure, WorkerProcess

_MAX_WORKERS = 4


@dataclass(frozen=True, slots=True)
class _Worker:
    """A process that has read the catalogue at a commit, and that one's date."""

    process: WorkerProcess
    date: int


class WorkerPool:
    """Renders a catalogue at any commit of its history, to compare published commits with.

    Anybody who may push to a branch of the catalogue can have unreviewed templates rendered here,
    so each state is read by a process of its own. The few that were used last are kept;
    threads may share them. `keys` are the images that will be asked for, as far as is known.
    """

    def __init__(
        self,
        repository: CatalogueRepository | None,
        command: WorkerCommand,
        keys: Collection[str] = (),
    ) -> None:
        self.repository = repository
        self._command = command
        self._workers: OrderedDict[str, _Worker | str] = OrderedDict()
        self._keys = keys
        self._sums: dict[str, dict[str, tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            _end(worker)

    def replay(self, claim: Claim, note: bytes = b"") -> Replay | str:
        """Return what a claim leads to, or say why that cannot be known.

        `note` is the one of a retired branch, of which only its reason is believed.
        """
        if not claim.commit:
            source = f"it names {claim.source}" if claim.source else "it names no source"
            return f"{source}, which is not a commit of a catalogue"
        reason = retirement_reason(note)
        with self._lock:
            worker = self._worker(claim.commit)
            if isinstance(worker, str):
                return worker
            try:
                rendition = self._ask(
                    claim.commit,
                    worker,
                    {"claim": asdict(claim)},
                    lambda answer: decode_rendition(answer, claim, reason),
                )
            except WorkerFailure as failure:
                rendition = str(failure)
        if isinstance(rendition, str):
            return f"it cannot be rendered from {claim.commit[:12]}: {rendition}"
        return replay_rendition(rendition, claim, worker.date)

    def manifest_sums(self, commit: str, key: str) -> tuple[str, ...]:
        """Return the sha256 of each manifest that a commit may give an image.

        There is more than one where a packager's own files may keep exported ones away. They are
        looked up for all images at once, since the search for one goes through many commits.
        """
        with self._lock:
            sums = self._sums.setdefault(commit, {})
            if key not in sums:
                sums |= self._read_sums(commit, sorted({*self._keys, key}))
            return sums[key]

    def _read_sums(self, commit: str, keys: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        worker = self._worker(commit)
        if isinstance(worker, _Worker):
            try:
                question = {"keys": keys}
                return self._ask(commit, worker, question, lambda answer: decode_sums(answer, keys))
            except WorkerFailure:
                pass
        return dict.fromkeys(keys, ())

    def _ask(
        self,
        commit: str,
        worker: _Worker,
        question: Mapping[str, Any],
        decode: Callable[[bytes], Answer],
    ) -> Answer:
        try:
            return worker.process.ask(question, decode)
        except WorkerFailure as failure:
            _end(worker)
            self._workers[commit] = f"the catalogue at {commit[:12]} cannot be rendered: {failure}"
            raise

    def _worker(self, commit: str) -> _Worker | str:
        if commit not in self._workers:
            self._workers[commit] = self._start(commit)
        self._workers.move_to_end(commit)
        if len(self._workers) > _MAX_WORKERS:
            _end(self._workers.popitem(last=False)[1])
        return self._workers[commit]

    def _start(self, commit: str) -> _Worker | str:
        """Return a process that has read a commit of the catalogue, or say why none can."""
        if self.repository is None:
            return "this catalogue is not in a git repository, which would know its history"
        date = commit_date(self.repository, commit)
        if date is None:
            hint = "; fetch its whole history" if self.repository.is_shallow else ""
            return f"commit {commit[:12]} is in no branch of this catalogue{hint}"
        try:
            with check_out(self.repository, commit) as root:
                worker = _Worker(WorkerProcess(self._command, self.repository.git.stop), date)
                problem = _start_problem(worker.process, root)
        except DistgenError as error:
            problem = str(error)
        return f"the catalogue at {commit[:12]} cannot be read: {problem}" if problem else worker


def _start_problem(process: WorkerProcess, root: Path) -> str:
    """Let a process read the catalogue in a folder; say why it cannot, "" when it has."""
    try:
        problem = process.ask({"root": str(root)}, decode_start)
    except WorkerFailure as failure:
        problem = str(failure)
    except DistgenError:  # the run was interrupted
        process.end()
        raise
    if problem:
        process.end()
    return problem


def _end(worker: _Worker | str) -> None:
    if isinstance(worker, _Worker):
        worker.process.end()
