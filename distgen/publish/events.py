"""Tell an observer of a run's steps; `distgen schema events` describes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from distgen.errors import printable
from distgen.git.run import hide_secrets
from distgen.model.published import Change
from distgen.publish.report import result_row
from distgen.publish.results import to_result

Observer = Callable[[str, Mapping[str, object]], None]
"""Hears of each step of a run, from any thread: its name, and what it is about."""


def ignore_step(step: str, about: Mapping[str, object]) -> None:
    """Observe nothing."""


def report_start(observe: Observer, version: str, repositories: int, jobs: int) -> None:
    """Tell that the run begins."""
    observe("started", {"version": version, "repositories": repositories, "jobs": jobs})


def report_plans(observe: Observer, changes: Iterable[Change]) -> None:
    """Tell of each change that was planned."""
    for change in changes:
        observe("planned", result_row(to_result(change)))


def report_push(observe: Observer, url: str, attempt: int, changes: Sequence[Change]) -> None:
    """Tell that commits are about to be pushed; `attempt` counts from 0."""
    keys = ("image", "stream", "branch", "commit", "parent")
    commits = [{key: getattr(change, key) for key in keys} for change in changes]
    observe("pushing", {"url": hide_secrets(url), "attempt": attempt + 1, "commits": commits})


def report_fallback(observe: Observer, address: str, reason: str) -> None:
    """Tell that git talks to an http(s) repository, which distgen would do itself otherwise."""
    about = {
        "url": hide_secrets(address),
        "transport": "git",
        "detail": printable(hide_secrets(reason)),
    }
    observe("transport", about)
