"""Examine the programs that distgen starts: git and the linters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from distgen.doctor.records import Diagnosis, error_diagnosis
from distgen.errors import DistgenError
from distgen.git.run import Git, explain, run
from distgen.lint.linters import hadolint, identify_linter, shellcheck

OLDEST_GIT = (2, 39)
"""The oldest that is tested; before 2.32 packs of the store would not be merged."""
_VERSION = re.compile(r"\d+(?:\.\d+)+")


def examine_git(git: Git) -> Diagnosis:
    """Ask git for its version."""
    try:
        result = run(git, "--version")
    except DistgenError as error:
        return error_diagnosis("program", "git", error)
    match = _VERSION.search(result.output.decode("utf-8", "replace"))
    if result.code or match is None:
        reason = explain(result) if result.code else "it does not say its version"
        return Diagnosis("program", "git", "error", reason, "install git again")
    numbers = tuple(map(int, match[0].split(".")))
    if numbers < OLDEST_GIT:
        oldest = ".".join(map(str, OLDEST_GIT))
        detail = f"version {match[0]} is older than {oldest}"
        return Diagnosis("program", "git", "error", detail, "install a newer git")
    return Diagnosis("program", "git", "ok", f"version {match[0]}")


def examine_linters() -> Iterator[Diagnosis]:
    """Ask each linter for its version."""
    for name, find in (("hadolint", hadolint), ("shellcheck", shellcheck)):
        try:
            answer = identify_linter(find()).identity[0]
        except DistgenError as error:
            yield error_diagnosis("program", name, error)
            continue
        match = _VERSION.search(answer)
        version = f"version {match[0]}" if match else "it runs"
        yield Diagnosis("program", name, "ok", version)
