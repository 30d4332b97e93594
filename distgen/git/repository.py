"""Open and make repositories with GitPython, isolated like the rest of git here.

GitPython starts git when it is imported, so it is imported by the first call. It also reads the
process's own variables such as GIT_DIR; the command line removes them when it starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distgen.errors import DistgenError
from distgen.git.commits import parse_person
from distgen.git.run import (
    LOCAL_SETTINGS,
    Git,
    read_user_setting,
    run,
    with_settings,
)

if TYPE_CHECKING:
    from git import Actor, Repo
    from git.exc import GitCommandError

_DISTGEN = ("distgen", "distgen@localhost")


@contextmanager
def open_repository(git: Git, folder: Path, *, or_above: bool = False) -> Iterator[Repo | None]:
    """Yield the repository in `folder`, with `or_above` also one that contains it; else None."""
    from git import Repo
    from git.exc import InvalidGitRepositoryError, NoSuchPathError

    if or_above:
        folder = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        repository = Repo(folder, search_parent_directories=or_above, expand_vars=False)
    except (InvalidGitRepositoryError, NoSuchPathError):
        yield None
        return
    except OSError as error:
        raise DistgenError(f"cannot be read: {error.strerror}", where=folder) from None
    repository.git.update_environment(**_environment(git))
    try:
        yield repository
    except BrokenPipeError:
        # It was taken for a reader of our own output that had left: exit code 0, and no word.
        raise DistgenError("git ended while it was asked", where=folder) from None
    finally:
        # The question that a git did not live to read is still on its way to it.
        with suppress(BrokenPipeError):
            repository.close()


def resolve_ref(git: Git, folder: Path, ref: str) -> str:
    """Return the commit of a ref that may point at another ref."""
    from git.refs.symbolic import SymbolicReference

    with open_repository(git, folder) as repository:
        try:
            if repository is not None:
                return SymbolicReference.dereference_recursive(repository, ref)
        except (ValueError, AssertionError):  # GitPython asserts that a ref is not empty
            pass
    raise DistgenError(f"{ref} is damaged", where=folder, hint="see `git fsck`")


def create_repository(git: Git, folder: Path, message: str, date: datetime) -> str:
    """Make a repository in a folder, commit its files, and return the id of the commit.

    The author is the user as git's configuration says, else distgen itself.
    """
    from git.exc import GitCommandError

    files = sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )
    try:
        with _init(git, folder) as repository:
            author = _user(git, folder)
            repository.index.add(files)
            commit = repository.index.commit(
                message,
                author=author,
                committer=author,
                author_date=date,
                commit_date=date,
                skip_hooks=True,
            )
            return commit.hexsha
    except GitCommandError as error:
        sentence = f"git cannot make a repository: {_reason(error)}"
        raise DistgenError(sentence, where=folder) from None
    except OSError as error:
        raise DistgenError(f"cannot become a repository: {error.strerror}", where=folder) from None


def _init(git: Git, folder: Path) -> Repo:
    from git import Repo

    class IsolatedRepo(Repo):
        """Reads only its own configuration: the user's may name an encoding that is unknown."""

        def config_reader(self, config_level: Any = "repository") -> Any:
            return super().config_reader(config_level)

    variables = {**_environment(git), "GIT_TEMPLATE_DIR": ""}
    branch = read_user_setting(git, folder, "init.defaultBranch") or "main"
    repository = IsolatedRepo.init(folder, expand_vars=False, initial_branch=branch, env=variables)
    repository.git.update_environment(**variables)
    return repository


def _user(git: Git, folder: Path) -> Actor:
    """Return the user with name and address of git's configuration; git would guess them."""
    from git import Actor

    words = ("-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT")
    result = run(git, "-C", str(folder), *words, network=True)
    person = parse_person(result.output.decode("utf-8", "replace").strip()).name
    name, _, address = person.rpartition(" <")
    is_complete = result.code == 0 and bool(name and address)
    return Actor(name, address.rstrip(">")) if is_complete else Actor(*_DISTGEN)


def list_commits(
    git: Git, folder: Path, revisions: str, paths: Sequence[str] = (), **options: Any
) -> Iterator[str]:
    """Yield the ids of commits, newest first; `options` are those of git-rev-list(1).

    Only ids: GitPython fails when it reads a commit in an encoding that Python does not have.
    """
    from git.exc import GitCommandError

    with open_repository(git, folder) as repository:
        if repository is None:
            raise DistgenError("is not a git repository", where=folder)
        commits = repository.iter_commits(revisions, paths, topo_order=True, **options)
        try:
            yield from (commit.hexsha for commit in commits)
        except GitCommandError as error:
            raise DistgenError(f"cannot be read: {_reason(error)}", where=folder) from None


def _reason(error: GitCommandError) -> str:
    """Return the line of git that GitPython wraps."""
    lines = error.stderr.strip().removeprefix("stderr: '").removesuffix("'").splitlines()
    return lines[0] if lines else f"git ended with code {error.status}"


def _environment(git: Git) -> dict[str, str]:
    """Return the variables of isolated git for GitPython, which adds its process's own to them."""
    return with_settings(git.local, LOCAL_SETTINGS)
