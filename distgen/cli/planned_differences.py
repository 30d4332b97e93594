"""Plan a publication for a command that shows what it would change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, TypeVar

from distgen.cli import prepare, results
from distgen.model.published import Change, Result
from distgen.publish.results import to_result
from distgen.publish.run import plan_each

Shown = TypeVar("Shown")
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Differences(Generic[Shown]):
    """What is shown, whether anything differs, and the exit code of the plan."""

    shown: Shown
    differs: bool
    code: int = 0


def plan_all(run: prepare.Run, keep: Callable[[Change], Kept]) -> Differences[Sequence[Kept]]:
    """Return what is to be kept of each change that publishing would make, in the usual order.

    A change holds all that its commit needs, which is too much for thousands of images.
    """
    kept: dict[str, Kept] = {}
    failures: list[Result] = []
    differs = False
    store = prepare.existing_store(run.store)
    with closing(plan_each(run.request, run.git, run.options, store)) as changes:
        for change in changes:
            kept[change.key] = keep(change)
            differs |= change.status != "unchanged"
            if change.status == "failed":
                failures.append(to_result(change))
    shown = [kept[key] for key in run.request.keys]
    return Differences(shown, differs, results.exit_code(failures))
