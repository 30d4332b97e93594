"""Read the refs of a git repository: branches, releases, and closed series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.version import InvalidVersion, Version

Refs = Mapping[str, str]
"""Full names of refs to commits; an annotated tag leads to its commit."""

HEADS, TAGS = "refs/heads/", "refs/tags/"
CLOSED_SERIES_SUFFIXES = ("-eol", "-eom", "-em")
"""The suffixes of the tags with which OpenStack closes a series; the most final first."""


def parse_ls_remote(lines: Iterable[str]) -> Refs:
    """Parse `git ls-remote`: full ref names to commits, annotated tags to their commits."""
    refs: dict[str, str] = {}
    for line in lines:
        commit, _, ref = line.partition("\t")
        if ref.endswith("^{}"):
            refs[ref.removesuffix("^{}")] = commit
        elif ref:
            refs.setdefault(ref, commit)
    return refs


def full_ref(ref: str, refs: Refs) -> str | None:
    """Return the full name of a branch or tag as git would resolve it, None where it is neither."""
    for name in (ref, f"{TAGS}{ref}", f"{HEADS}{ref}"):
        if name in refs:
            return name
    return None


def is_commit_id(ref: str) -> bool:
    """Tell whether a ref is a whole commit id, SHA-1 or SHA-256."""
    return len(ref) in (40, 64) and set(ref) <= set("0123456789abcdef")


def release_version(name: str, shapes: Iterable[str]) -> Version | None:
    """Return the version of a git tag, None when the tag is not a release (PEP 440)."""
    for shape in shapes:
        before, _, after = shape.partition("{version}")
        if name.startswith(before) and name.endswith(after) and len(name) > len(before + after):
            try:
                return Version(_refuse_prefix(name[len(before) : len(name) - len(after)]))
            except InvalidVersion:
                continue
    return None


def _refuse_prefix(text: str) -> str:
    # PEP 440 allows a leading v; here only the shape decides whether there may be one.
    if not text[:1].isdigit():
        raise InvalidVersion(text)
    return text
