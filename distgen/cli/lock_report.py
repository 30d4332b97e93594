"""What `distgen lock` prints: the entries that changed, or what is wrong with them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from distgen.cli.tables import align_rows
from distgen.lock.check import LockProblem
from distgen.lock.facts import Refusal, format_tags
from distgen.lock.plan import Fact, Key, LockPlan, facts_by_key, format_key
from distgen.lock.resolve import LookupResult
from distgen.model.catalogue import Image
from distgen.model.lock import Lock, LockedBase, LockedSource

COLORS = {"added": "green", "updated": "green", "dropped": "yellow", "differs": "yellow"}


def problems(lock_problems: Sequence[LockProblem], form: str) -> str:
    """Return what a check found, one line or JSON object each."""
    if form == "json":
        rows = [{**asdict(problem), "users": list(problem.users)} for problem in lock_problems]
        counts = dict(sorted(Counter(problem.status for problem in lock_problems).items()))
        return json.dumps({"problems": rows, "summary": counts}, indent=2) + "\n"
    lines = [
        (problem.status, format_key((problem.kind, problem.name, problem.ref)), problem.detail)
        for problem in lock_problems
    ]
    return align_rows(lines) + "\n" if lines else ""


def unlockable(images: Iterable[Image]) -> Iterator[str]:
    """Yield a sentence for each archive of sources that no lock can pin."""
    for image in images:
        for archive in image.archives:
            if archive.problem:
                yield f"{image.key}: {archive.path} cannot be locked: {archive.problem}"


def report(
    plan: LockPlan,
    answers: Iterable[LookupResult],
    new: Lock,
    form: str,
    refusals: Iterable[Refusal] = (),
) -> str:
    """Return what happened to each entry; text leaves out what stayed as it was.

    `refusals` are facts that were not taken over; text leaves out those without a use.
    """
    rows = _with_refusals(_rows(plan, answers, new), refusals)
    if form == "json":
        counts = dict(sorted(Counter(row["status"] for row in rows).items()))
        return json.dumps({"entries": rows, "summary": counts}, indent=2) + "\n"
    lines = []
    for row in rows:
        if row["status"] not in ("unchanged", "unneeded"):
            status = click.style(row["status"], fg=COLORS.get(row["status"], "red"))
            lines.append(
                f"{status}  {format_key((row['kind'], row['name'], row['ref']))}{_what(row)}"
            )
    return "".join(f"{line}\n" for line in lines)


def _rows(plan: LockPlan, answers: Iterable[LookupResult], new: Lock) -> list[dict[str, Any]]:
    before, after = facts_by_key(plan.lock), facts_by_key(new)
    failed = {answer.need.key: _why(answer) for answer in answers if answer.error}
    rows = []
    for key in sorted({*before, *after, *failed}):
        old, now = before.get(key), after.get(key)
        row = {
            "kind": key[0],
            "name": key[1],
            "ref": key[2],
            "status": _status(key, old, now, failed),
        }
        rows.append({**row, "old": _fact(old), "new": _fact(now), "detail": failed.get(key, "")})
    return rows


def _with_refusals(
    rows: Iterable[dict[str, Any]], refusals: Iterable[Refusal]
) -> list[dict[str, Any]]:
    refused = {
        refusal.key: {
            **dict(zip(("kind", "name", "ref"), refusal.key, strict=True)),
            **{"status": refusal.status, "old": None},
            **{"new": _fact(refusal.fact), "detail": refusal.reason},
        }
        for refusal in refusals
    }
    merged = {(row["kind"], row["name"], row["ref"]): row for row in rows}
    for key, row in refused.items():
        previous_row = merged.get(key, row)
        if row["status"] == "differs" or key not in merged:
            merged[key] = {**row, "old": previous_row["old"]}
    return [merged[key] for key in sorted(merged)]


def _why(answer: LookupResult) -> str:
    """Return a failure without the name that stands before it already."""
    return str(answer.error).removeprefix(f"{answer.need.name}: ")


def _status(key: Key, old: Fact | None, now: Fact | None, failed: Iterable[Key]) -> str:
    if key in failed:
        return "failed"
    if old == now:
        return "unchanged"
    return "added" if old is None else "dropped" if now is None else "updated"


def _fact(fact: Fact | None) -> str | None:
    """Return the part of a fact that says which one it is."""
    if isinstance(fact, LockedBase):
        return fact.digest
    if isinstance(fact, tuple):
        return format_tags(fact)
    return fact.commit if isinstance(fact, LockedSource) else fact


def _what(row: dict[str, Any]) -> str:
    if row["status"] in ("failed", "differs"):
        return f": {row['detail']}"
    parts = [part for part in (row["old"], row["new"]) if part is not None]
    return f": {' -> '.join(dict.fromkeys(parts))}" if row["status"] != "dropped" else ""
