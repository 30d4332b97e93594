"""Turn the address of a dist-git repository into a place: a local folder, or a server's address."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from git import Repo
from git.exc import InvalidGitRepositoryError, NoSuchPathError
from git.refs.symbolic import SymbolicReference

from distgen.errors import DistgenError, InputError
from distgen.git import Git, explain, run, scrub

SCHEMES = ("https", "http", "ssh", "git", "file")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(:|//)")
_SCP = re.compile(r"(?:[^/:@\s]+@)?([^/:@\s]+):(?!:)(.+)")
_CREATE = {
    "github": "gh repo create --public",
    "gitlab": "glab repo create",
    "forgejo": "tea repos create",
}
_STALE = 3600  # seconds
Identity = tuple[int, int]
_PUSHABLE = ("ignore", "warn", "updateinstead", "false")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository is; `folder` is None for a server, `address` is what git is given."""

    address: str
    folder: Path | None

    def __str__(self) -> str:
        return scrub(self.address)


def locate(url: str, root: Path) -> Place:
    """Return the place that `url` means, a relative one below `root`; refuse what is unsafe."""
    if not url or not url.isprintable() or url.startswith("-"):
        raise InputError(f"{scrub(url)!r} is no address of a git repository")
    if scheme := _SCHEME.match(url):
        return _of_scheme(url, scheme)
    if scp := _SCP.fullmatch(url):
        if scp[1].startswith("-") or scp[2].startswith("-"):
            raise InputError(f"{scrub(url)!r} is no address of a git repository")
        return Place(url, None)
    return _local(root / url)


def _of_scheme(url: str, scheme: re.Match[str]) -> Place:
    name = scheme[1].lower()
    if scheme[2] == ":" or name not in SCHEMES:
        known = ", ".join(f"{word}://" for word in SCHEMES)
        raise InputError(
            f"{scrub(url)} uses a transport that distgen does not allow",
            hint=f"use a path or one of {known}",
        )
    try:
        parts = urlsplit(url)
        host, password = parts.hostname or "", parts.password
    except ValueError:
        raise InputError(f"{scrub(url)!r} is no address of a git repository") from None
    if password is not None:
        raise InputError(
            f"the address {scrub(url)} holds a password",
            hint="take it out and let git's credential helper know it",
        )
    if name == "file":
        if host not in ("", "localhost"):
            raise InputError(f"{url} names a host, and file:// is for this machine")
        return _local(Path(unquote(parts.path)))
    if not host or host.startswith("-"):
        raise InputError(f"{scrub(url)!r} is no address of a git repository")
    return Place(url, None)


def _local(path: Path) -> Place:
    absolute = Path(path).absolute()
    return Place(str(absolute), absolute)


def tips(folder: Path, branches: tuple[str, ...]) -> dict[str, str] | None:
    """Return the commit of each branch of a local repository; None where nothing is yet."""
    try:
        repository = Repo(folder, expand_vars=False)
    except NoSuchPathError:
        return None
    except InvalidGitRepositoryError:
        _refuse_other_things(folder)
        return None
    except OSError as error:
        raise DistgenError(f"cannot be read: {error.strerror}", where=folder) from None
    with repository:
        if not repository.bare:
            _refuse_work_tree(repository, folder)
        found = {}
        for branch in branches:
            try:
                ref = f"refs/heads/{branch}"
                found[branch] = SymbolicReference.dereference_recursive(repository, ref)
            except ValueError:
                continue
        return found


@contextmanager
def created(git: Git, folder: Path, branch: str) -> Iterator[Path]:
    """Make a bare repository beside `folder`, and put it there once the caller has filled it."""
    scratch: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.distgen-", dir=folder.parent))
        scratch.chmod(0o755)
        _sweep(scratch, folder)
        options = ("-q", "--bare", "--template=", f"--initial-branch={branch}")
        made = run(git, "init", *options, str(scratch))
        if made.code:
            raise DistgenError(f"cannot be made: {explain(made)}", where=folder)
        yield scratch
        scratch.rename(folder)
    except OSError as error:
        raise DistgenError(f"cannot be made: {error.strerror}", where=folder) from None
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def locks(folder: Path, branches: Iterable[str]) -> dict[Path, Identity]:
    """Return the lock files that keep the branches of a local repository from moving."""
    found = {}
    for branch in branches:
        path = folder / "refs" / "heads" / f"{branch}.lock"
        with suppress(OSError):
            found[path] = _identity(path)
    return found


def unlock(found: Mapping[Path, Identity]) -> None:
    """Remove the locks that are still the same files.

    git holds such a lock for milliseconds; one that outlasts seconds was left by a killed git.
    """
    for path, identity in found.items():
        with suppress(OSError):
            if _identity(path) == identity:
                path.unlink()


def _identity(path: Path) -> Identity:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def _sweep(scratch: Path, folder: Path) -> None:
    """Remove what a run that was killed an hour ago or more left beside `folder`."""
    now = scratch.stat().st_mtime
    for path in folder.parent.glob(f".{folder.name}.distgen-*"):
        with suppress(OSError):
            if path.stat().st_mtime < now - _STALE:
                shutil.rmtree(path, ignore_errors=True)


def creation_hint(place: Place, forge: str) -> str:
    """Return the command that creates a missing repository on its server."""
    if "://" in place.address:
        parts = urlsplit(place.address)
        person = f"{parts.username}@" if parts.username and parts.scheme == "ssh" else ""
        host, path, port = person + (parts.hostname or ""), parts.path, parts.port
    else:
        host, _, path = place.address.partition(":")
        port = None
    name = path.strip("/").removesuffix(".git")
    ssh = f"ssh -p {port} {host}" if port else f"ssh {host}"
    if forge in _CREATE:
        return f"{_CREATE[forge]} {name}"
    if forge == "gerrit":
        return f"{ssh} gerrit create-project {name}"
    if place.address.startswith(("http", "git:")):
        return f"git init --bare {path.strip('/')} (on the server)"
    return f"{ssh} git init --bare {path}"


def _refuse_other_things(folder: Path) -> None:
    try:
        empty = folder.is_dir() and not any(folder.iterdir())
    except OSError as error:
        raise DistgenError(f"cannot be read: {error.strerror}", where=folder) from None
    if not empty:
        what = "a folder with other things in it" if folder.is_dir() else "a file"
        raise DistgenError(
            f"is {what}, not a git repository",
            where=folder,
            hint="move it away, or change dist_git.url",
        )


def _refuse_work_tree(repository: Repo, folder: Path) -> None:
    reader = repository.config_reader("repository")
    if str(reader.get_value("receive", "denyCurrentBranch", "refuse")).lower() not in _PUSHABLE:
        raise DistgenError(
            "is a repository with a work tree, and a push would leave its files behind",
            where=folder,
            hint="use a bare repository",
        )
