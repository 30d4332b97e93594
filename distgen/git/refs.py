"""What the refs of a git repository mean: branches, releases, and series that came to an end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.version import InvalidVersion, Version

Refs = Mapping[str, str]
"""What the full names of a repository's refs point at: commits, tags peeled."""

HEADS, TAGS = "refs/heads/", "refs/tags/"
CLOSED_SERIES_SUFFIXES = ("-eol", "-eom", "-em")
"""What OpenStack puts behind a series' name when its branch is closed: the last word first."""


def parse_ls_remote(lines: Iterable[str]) -> Refs:
    """Parse `git ls-remote`: full ref names to commits, annotated tags to what they point at."""
    found: dict[str, str] = {}
    for line in lines:
        commit, _, ref = line.partition("\t")
        if ref.endswith("^{}"):
            found[ref.removesuffix("^{}")] = commit
        elif ref:
            found.setdefault(ref, commit)
    return found


def full_ref(ref: str, refs: Refs) -> str | None:
    """Return the full name of a branch or tag as git would resolve it, None for what is neither."""
    for name in (ref, f"{TAGS}{ref}", f"{HEADS}{ref}"):
        if name in refs:
            return name
    return None


def is_commit_id(ref: str) -> bool:
    """Tell whether a ref is a whole commit id, SHA-1 or SHA-256."""
    return len(ref) in (40, 64) and set(ref) <= set("0123456789abcdef")


def release_version(name: str, shapes: Iterable[str]) -> Version | None:
    """Return the version that a git tag stands for, None when it is no release (PEP 440)."""
    for shape in shapes:
        before, _, after = shape.partition("{version}")
        if name.startswith(before) and name.endswith(after) and len(name) > len(before + after):
            try:
                return Version(_bare(name[len(before) : len(name) - len(after)]))
            except InvalidVersion:
                continue
    return None


def _bare(text: str) -> str:
    # PEP 440 itself would take a leading v; here the shape decides whether one may be there.
    if not text[:1].isdigit():
        raise InvalidVersion(text)
    return text
