"""Keep the processes that render earlier states of the catalogue, each within its limits."""

from __future__ import annotations

import pickle
import select
import subprocess
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from distgen.catalogue.checkout import CatalogueRepository, check_out, commit_date
from distgen.errors import DistgenError
from distgen.git.processes import start_process
from distgen.git.run import INTERRUPTED
from distgen.verify.claims import Claim
from distgen.verify.replay import Replay

_MOST_WORKERS = 4
_POLL = 0.2  # seconds between two looks at whether the run was interrupted


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """What runs `answer_questions` on its standard input and output; an answer takes `seconds`."""

    words: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    seconds: float = 300


class WorkerPool:
    """Renders a catalogue at any commit of its history, to compare published commits with.

    Whoever may push to a branch of the catalogue has templates rendered here that nobody has
    reviewed, so each state is read by a process of its own. The few that were used last are kept;
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
        self._workers: OrderedDict[str, WorkerProcess | str] = OrderedDict()
        self._keys = keys
        self._sums: dict[str, dict[str, str]] = {}
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
        with self._lock:
            answer = self._ask(claim.commit, (claim, note))
            failure = f"it cannot be rendered from {claim.commit[:12]}: {answer}"
            return failure if isinstance(answer, WorkerFailure) else cast(Replay | str, answer)

    def manifest_sum(self, commit: str, key: str) -> str:
        """Return the sha256 of the manifest that a commit gives an image, "" for none.

        It is looked up for all images at once, since the search for one goes through many commits.
        """
        with self._lock:
            sums = self._sums.setdefault(commit, {})
            if key not in sums:
                keys = frozenset((*self._keys, key))
                answer = self._ask(commit, keys)
                sums |= dict.fromkeys(keys, "")
                sums |= answer if isinstance(answer, dict) else {}
            return sums[key]

    def _ask(self, commit: str, question: object) -> object:
        worker = self._worker(commit)
        if isinstance(worker, str):
            return worker
        try:
            return worker.ask(question)
        except WorkerFailure as failure:
            _end(worker)
            self._workers[commit] = f"the catalogue at {commit[:12]} cannot be rendered: {failure}"
            return failure

    def _worker(self, commit: str) -> WorkerProcess | str:
        if commit not in self._workers:
            self._workers[commit] = self._start(commit)
        self._workers.move_to_end(commit)
        if len(self._workers) > _MOST_WORKERS:
            _end(self._workers.popitem(last=False)[1])
        return self._workers[commit]

    def _start(self, commit: str) -> WorkerProcess | str:
        """Return a process that has read a commit of the catalogue, or say why none can."""
        if self.repository is None:
            return "this catalogue is not in a git repository, which would know its history"
        date = commit_date(self.repository, commit)
        if date is None:
            hint = "; fetch its whole history" if self.repository.is_shallow else ""
            return f"commit {commit[:12]} is in no branch of this catalogue{hint}"
        try:
            with check_out(self.repository, commit) as root:
                worker = WorkerProcess(self._command, self.repository.git.stop)
                try:
                    why = worker.ask((root, commit, date))
                except WorkerFailure as failure:
                    why = failure
        except DistgenError as error:
            return f"the catalogue at {commit[:12]} cannot be read: {error}"
        if why is None:
            return worker
        _end(worker)
        return f"the catalogue at {commit[:12]} cannot be read: {why}"


class WorkerFailure(Exception):
    """The process gave no answer, and gives no other."""


class WorkerProcess:
    """A process that answers questions about one state of the catalogue."""

    def __init__(self, command: WorkerCommand, stop: threading.Event) -> None:
        self._seconds = command.seconds
        self._stop = stop
        self.process = start_process(command.words, command.environ, subprocess.DEVNULL)

    def ask(self, question: object) -> object:
        questions, answers = self.process.stdin, self.process.stdout
        assert questions is not None
        assert answers is not None
        deadline = time.monotonic() + self._seconds
        try:
            pickle.dump(question, questions)
            questions.flush()
            while not select.select([answers], [], [], _POLL)[0]:
                if self._stop.is_set():
                    raise DistgenError(INTERRUPTED)
                if time.monotonic() >= deadline:
                    raise WorkerFailure(f"it takes more than {self._seconds:g} seconds")
            return pickle.load(answers)
        except (OSError, EOFError, pickle.UnpicklingError):
            raise WorkerFailure("whatever it does ends the process that reads it") from None


def _end(worker: WorkerProcess | str) -> None:
    if isinstance(worker, WorkerProcess):
        worker.process.kill()
        worker.process.wait()
        for pipe in (worker.process.stdin, worker.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
