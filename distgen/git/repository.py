"""Open and make repositories with GitPython, isolated like the rest of git here.

GitPython starts git when it is imported, so it is imported by the first call. It also reads the
process's own variables such as GIT_DIR; the command line removes them when it starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from distgen.errors import DistgenError
from distgen.git.run import LOCAL_SETTINGS, Git, GitResult, clean_lines, with_settings

if TYPE_CHECKING:
    from git import Repo


@contextmanager
def open_repository(git: Git, folder: Path, *, or_above: bool = False) -> Iterator[Repo | None]:
    """Yield the repository in `folder`, with `or_above` also one that contains it; else None."""
    from git import Repo
    from git.exc import InvalidGitRepositoryError, NoSuchPathError

    try:
        repository = Repo(folder, search_parent_directories=or_above, expand_vars=False)
    except (InvalidGitRepositoryError, NoSuchPathError):
        yield None
        return
    except OSError as error:
        raise DistgenError(f"cannot be read: {error.strerror}", where=folder) from None
    repository.git.update_environment(**_environment(git))
    with repository:
        yield repository


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


def ask_git(repository: Repo, *words: str) -> GitResult:
    """Run a command of git in the repository's folder."""
    command = ["git", *words]
    code, output, error = repository.git.execute(
        command, with_extended_output=True, with_exceptions=False, stdout_as_string=False
    )
    return GitResult(code, output, clean_lines(error.encode("utf-8", "surrogateescape")))


def _environment(git: Git) -> dict[str, str]:
    """Return the variables of isolated git for GitPython, which adds its process's own to them."""
    return with_settings(git.local, LOCAL_SETTINGS)
