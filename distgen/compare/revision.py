"""Read the catalogue as it was at a revision of the repository that holds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from distgen.catalogue.checkout import CatalogueRepository, check_out, find_repository
from distgen.catalogue.settings import FILE
from distgen.compare.comparison import Revision, naming_revision
from distgen.errors import InputError
from distgen.git.run import Git, GitResult, run
from distgen.model.catalogue import Catalogue
from distgen.model.lock import Lock
from distgen.text.suggest import did_you_mean

NOTHING = "@{root}"
"""The revision before all others, at which the catalogue is empty."""
_REFS = ("refs/heads", "refs/tags", "refs/remotes")
_OPTION = "--since"
_FETCH = "fetch it: the clone is shallow (`git fetch --unshallow`)"

ReadCatalogue = Callable[[Path], tuple[Catalogue, Lock]]


def read_revision(
    git: Git, root: Path, name: str, read: ReadCatalogue, folder: str | None = None
) -> tuple[Revision, Catalogue, Lock]:
    """Return the catalogue in `root` as it was at a revision, and its lock.

    `name` is a commit, tag or branch, `HEAD`, `REV...` for where HEAD left REV, or `@{root}` for
    the empty catalogue; `folder` is where the catalogue was, if it was elsewhere. The files of the
    revision are in a temporary folder while `read` reads them.
    """
    empty = Catalogue(str(root), (), {}, {}, None)
    if name == NOTHING:
        return Revision(NOTHING), empty, Lock()
    repository = _find_repository(git, root)
    revision = _resolve(repository, name, folder)
    assert revision.commit
    with check_out(replace(repository, prefix=revision.folder), revision.commit) as place:
        if not (place / FILE).is_file():
            _refuse_other_folder(repository, revision, folder)
            return replace(revision, commit=None), empty, Lock()
        with naming_revision(revision, str(place)):
            catalogue, lock = read(place)
    return revision, replace(catalogue, root=str(root)), lock


def _find_repository(git: Git, root: Path) -> CatalogueRepository:
    repository = find_repository(git, root)
    if repository is None:
        raise InputError(
            "the catalogue is not in a git repository, so it has no earlier states",
            where=root,
            hint=f"commit it, or compare it with nothing: {_OPTION} '{NOTHING}'",
        )
    return repository


def _resolve(repository: CatalogueRepository, name: str, folder: str | None) -> Revision:
    """Return the revision that a user means, as far as the repository has it."""
    prefix = repository.prefix if folder is None else _prefix(folder)
    if name.endswith("...") and ".." not in name[:-3]:
        commit = _merge_base(repository, name[:-3])
        return Revision(commit[:12], commit, prefix)
    return Revision(name, _resolve_commit(repository, name), prefix)


def _prefix(folder: str) -> str:
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts:
        raise InputError(
            f"`{folder}` is not a path below the top of the repository", where="--since-path"
        )
    return "" if not path.parts else f"{path}/"


def _resolve_commit(repository: CatalogueRepository, name: str) -> str:
    if ".." in name:
        raise InputError(
            f"`{name}` is not one revision",
            where=_OPTION,
            hint="write REV..., with nothing behind it, for the commit at which HEAD left REV",
        )
    # In two steps: `:/words` would search for anything that stands behind it.
    git_object = "" if name.startswith("-") else _parse(repository, name)
    commit = git_object and _parse(repository, f"{git_object}^{{commit}}")
    if commit:
        return commit
    if not _parse(repository, "HEAD"):
        problem, hint = "the repository has no commit yet", f"name {NOTHING}, the empty catalogue"
    else:
        problem, hint = f"there is no commit `{name}`", _absence_hint(repository, name)
    raise InputError(problem, where=_OPTION, hint=hint)


def _merge_base(repository: CatalogueRepository, name: str) -> str:
    commit = _resolve_commit(repository, name or "HEAD")
    answer = _ask(repository, "merge-base", commit, "HEAD")
    if answer.code:
        hint = _FETCH if repository.is_shallow else ""
        raise InputError(f"`{name}` and HEAD have no common commit", where=_OPTION, hint=hint)
    return answer.output.decode("ascii").strip()


def _absence_hint(repository: CatalogueRepository, name: str) -> str:
    refs = _ask(repository, "for-each-ref", "--format=%(refname:short)", *_REFS)
    names = refs.output.decode("utf-8", "replace").split()
    remote = next((ref for ref in names if ref.partition("/")[2] == name), "")
    if remote:
        return f"did you mean `{remote}`?"
    return _FETCH if repository.is_shallow else did_you_mean(name, names)


def _refuse_other_folder(
    repository: CatalogueRepository, revision: Revision, folder: str | None
) -> None:
    """Raise InputError where the catalogue seems to have been in another folder."""
    assert revision.commit
    listing = _ask(repository, "ls-tree", "-r", "-z", "--name-only", revision.commit)
    paths = listing.output.decode("utf-8", "surrogateescape").split("\0")
    settings = [path for path in paths if PurePosixPath(path).name == FILE]
    # One that is still at its place is another catalogue.
    folders = [
        str(PurePosixPath(path).parent) for path in settings if not (repository.top / path).exists()
    ]
    if folder is not None:
        problem = f"{revision.label} has no {FILE} in `{folder}`"
        raise InputError(problem, where="--since-path", hint=did_you_mean(folder, folders))
    if folders:
        raise InputError(
            f"{revision.label} has the catalogue in another folder",
            where=_OPTION,
            hint=f"name it: --since-path {folders[0]}",
        )


def _parse(repository: CatalogueRepository, name: str) -> str:
    """Return the id of what git calls so, "" where there is none."""
    answer = _ask(repository, "rev-parse", "--verify", "--quiet", name)
    return "" if answer.code else answer.output.decode("ascii").strip()


def _ask(repository: CatalogueRepository, *words: str) -> GitResult:
    return run(repository.git, *words, folder=repository.folder)
