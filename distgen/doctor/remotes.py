"""Examine dist-git repositories: whether they are reached, read, and might be pushed to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from distgen.doctor.folders import nearest_existing, writing_problem
from distgen.doctor.records import Diagnosis, error_diagnosis
from distgen.errors import DistgenError
from distgen.git.auth import auth_error
from distgen.git.push_rights import ask_to_push
from distgen.git.remote import ask_for_refs, no_repository, read_remote_heads
from distgen.git.run import Git, explain
from distgen.publish.options import RepositoryCreation
from distgen.publish.repository_access import Repository

CHECK = "repository"
FindCreation = Callable[[Repository], RepositoryCreation]
_WRITTEN = ("", "objects", "refs")
_REACH_IT = "see whether the address is right and the server runs"
_MAKES_IT = "is not there yet; `distgen publish` makes it"


def examine_repository(
    git: Git, scratch: Path, repository: Repository, find_creation: FindCreation
) -> Iterator[Diagnosis]:
    """Examine a repository on a server; `scratch` is a repository with a probe."""
    place, subject = repository.place, str(repository.place)
    try:
        refs, answer = ask_for_refs(git, place, ("HEAD",))
    except DistgenError as error:
        detail = _without_address(error.problem, repository)
        yield Diagnosis(CHECK, subject, "error", detail, error.hint or _REACH_IT)
        return
    if refs is None:
        creation = find_creation(repository)
        if creation.create is not None:
            yield Diagnosis(CHECK, subject, "ok", _MAKES_IT)
        else:
            yield Diagnosis(CHECK, subject, "error", no_repository(answer), creation.hint)
        return
    result = ask_to_push(git, place, scratch)
    if result.code == 0:
        yield Diagnosis(CHECK, subject, "ok", "can be read and pushed to")
    elif refusal := auth_error(git, place, result):
        detail = f"can be read, but for a push it {refusal.problem}"
        yield Diagnosis(CHECK, subject, "error", detail, refusal.hint)
    else:
        detail = f"can be read, but not pushed to: {explain(result)}"
        detail = _without_address(detail, repository)
        yield Diagnosis(CHECK, subject, "error", detail, "let this user push there")


def examine_local_repository(git: Git, repository: Repository) -> Iterator[Diagnosis]:
    """Examine a repository that is a folder of this machine."""
    folder = repository.place.folder
    assert folder is not None
    subject = str(folder)
    if repository.remote_only:
        detail = "is a folder of this machine, which dist_git.remote_only refuses"
        yield Diagnosis(CHECK, subject, "error", detail, "change dist_git.url")
        return
    try:
        heads = read_remote_heads(git, repository.place, ())
    except DistgenError as error:
        yield error_diagnosis(CHECK, subject, error)
        return
    if not heads.exists:
        base = nearest_existing(folder)
        if problem := writing_problem(base):
            detail = f"is not there yet and cannot be made: {base} {_short(problem)}"
            yield Diagnosis(CHECK, subject, "error", detail, "let this user write there")
        else:
            yield Diagnosis(CHECK, subject, "ok", _MAKES_IT)
    elif all(os.access(folder / name, os.W_OK | os.X_OK) for name in _WRITTEN):
        yield Diagnosis(CHECK, subject, "ok", "can be read and pushed to")
    else:
        detail = "can be read, but not written"
        yield Diagnosis(CHECK, subject, "error", detail, "let this user write there")


def _without_address(detail: str, repository: Repository) -> str:
    """Return what git says without the address, so that the same of many can be said once."""
    return detail.replace(f"unable to access '{repository.place}/': ", "")


def _short(problem: str) -> str:
    return problem.removeprefix("it ")
