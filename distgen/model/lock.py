"""Records of the lock: the facts behind names at the time when it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LOCK_FILE = "distgen.lock"
LOCK_LIMIT = 16 * 2**20
"""Bytes of a lock: a hundred thousand entries have as many."""


@dataclass(frozen=True, slots=True)
class LockedBase:
    digest: str
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class LockedSource:
    """`date` is the commit's, ISO 8601 in UTC (`2024-05-01T12:00:00Z`)."""

    commit: str
    date: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """The resolved facts: bases by reference, sources by (git, ref), downloads' sha256 by url.

    `tags` are the git tags that streams are made from, by (git, which were asked for).
    """

    bases: Mapping[str, LockedBase] = field(default_factory=dict)
    sources: Mapping[tuple[str, str], LockedSource] = field(default_factory=dict)
    downloads: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
