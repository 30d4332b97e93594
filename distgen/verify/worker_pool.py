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
from distgen.verify.replay import Wanted

_KEPT = 4
_LOOK = 0.2  # seconds between two looks at whether the run was interrupted


@dataclass(frozen=True, slots=True)
class Program:
    """What runs `past.answer` on its standard input and output, and how long an answer may take."""

    command: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    seconds: float = 300


class Proof:
    """What commits are compared with: a catalogue at any commit of its history.

    Whoever may push to a branch of the catalogue has templates rendered here that nobody has
    reviewed, so each state is read by a process of its own. The few that were used last are kept;
    threads may share them. `keys` are the images that will be asked for, as far as is known.
    """

    def __init__(
        self, history: CatalogueRepository | None, program: Program, keys: Collection[str] = ()
    ) -> None:
        self.history = history
        self._program = program
        self._pasts: OrderedDict[str, _Apart | str] = OrderedDict()
        self._keys = keys
        self._sums: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Proof:
        return self

    def __exit__(self, *_: object) -> None:
        for past in self._pasts.values():
            _end(past)

    def wanted(self, claimed: Claim, note: bytes = b"") -> Wanted | str:
        """Return what a claim leads to, or say why that cannot be known.

        `note` is the one of a retired branch, of which only its reason is believed.
        """
        if not claimed.commit:
            named = f"it names {claimed.source}" if claimed.source else "it names no source"
            return f"{named}, which is no commit of a catalogue"
        with self._lock:
            answer = self._asked(claimed.commit, (claimed, note))
            failed = f"it cannot be rendered from {claimed.commit[:12]}: {answer}"
            return failed if isinstance(answer, _Ended) else cast(Wanted | str, answer)

    def sum(self, commit: str, key: str) -> str:
        """Return the sha256 of the manifest that a commit gives an image, "" for none.

        It is found for all images at once, since whoever looks for one goes through many commits.
        """
        with self._lock:
            known = self._sums.setdefault(commit, {})
            if key not in known:
                keys = frozenset((*self._keys, key))
                answer = self._asked(commit, keys)
                known |= dict.fromkeys(keys, "")
                known |= answer if isinstance(answer, dict) else {}
            return known[key]

    def _asked(self, commit: str, question: object) -> object:
        past = self._past(commit)
        if isinstance(past, str):
            return past
        try:
            return past.ask(question)
        except _Ended as error:
            _end(past)
            self._pasts[commit] = f"the catalogue at {commit[:12]} cannot be rendered: {error}"
            return error

    def _past(self, commit: str) -> _Apart | str:
        if commit not in self._pasts:
            self._pasts[commit] = self._read(commit)
        self._pasts.move_to_end(commit)
        if len(self._pasts) > _KEPT:
            _end(self._pasts.popitem(last=False)[1])
        return self._pasts[commit]

    def _read(self, commit: str) -> _Apart | str:
        if self.history is None:
            return "this catalogue is in no git repository, which would know its history"
        made = commit_date(self.history, commit)
        if made is None:
            hint = "; fetch its whole history" if self.history.is_shallow else ""
            return f"commit {commit[:12]} is in no branch of this catalogue{hint}"
        try:
            with check_out(self.history, commit) as root:
                past = _Apart(self._program, self.history.git.stop)
                try:
                    why = past.ask((root, commit, made))
                except _Ended as error:
                    why = error
        except DistgenError as error:
            return f"the catalogue at {commit[:12]} cannot be read: {error}"
        if why is None:
            return past
        _end(past)
        return f"the catalogue at {commit[:12]} cannot be read: {why}"


class _Ended(Exception):
    """The process gave no answer, and gives no other."""


class _Apart:
    """A process that answers questions about one state of the catalogue."""

    def __init__(self, program: Program, stop: threading.Event) -> None:
        self._seconds = program.seconds
        self._stop = stop
        self.process = start_process(program.command, program.environ, subprocess.DEVNULL)

    def ask(self, question: object) -> object:
        questions, answers = self.process.stdin, self.process.stdout
        assert questions is not None
        assert answers is not None
        deadline = time.monotonic() + self._seconds
        try:
            pickle.dump(question, questions)
            questions.flush()
            while not select.select([answers], [], [], _LOOK)[0]:
                if self._stop.is_set():
                    raise DistgenError(INTERRUPTED)
                if time.monotonic() >= deadline:
                    raise _Ended(f"it takes more than {self._seconds:g} seconds")
            return pickle.load(answers)
        except (OSError, EOFError, pickle.UnpicklingError):
            raise _Ended("whatever it does ends the process that reads it") from None


def _end(past: _Apart | str) -> None:
    if isinstance(past, _Apart):
        past.process.kill()
        past.process.wait()
        for pipe in (past.process.stdin, past.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
