"""Write one commit of a catalogue's own history into a folder, as a clone of it would have it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from distgen.catalogue.commit import PARTS
from distgen.errors import DistgenError
from distgen.git.commits import parse_commit, parse_person
from distgen.git.run import Git, explain, run
from distgen.git.temporary import scratch_folder


@dataclass(frozen=True, slots=True)
class CatalogueRepository:
    """The repository that a catalogue lies in; `prefix` is its folder below the root, or empty.

    `top` is the root, `objects` where they are kept, and `format` how they are named: sha1, sha256.
    """

    git: Git
    folder: Path
    prefix: str
    top: Path
    objects: Path
    format: str = "sha1"
    is_shallow: bool = False


def find_repository(git: Git, root: Path) -> CatalogueRepository | None:
    """Return the repository that holds the catalogue in `root`, None where it is in none."""
    words = ("--is-shallow-repository", "--show-object-format", "--show-prefix")
    places = ("--show-toplevel", "--absolute-git-dir", "--path-format=absolute")
    objects = ("--git-path", "objects")
    found = run(git, "-C", str(root), "rev-parse", *words, *places, *objects)
    if found.code:
        if "dubious ownership" in found.error:
            raise DistgenError(
                "git does not read a catalogue that belongs to another user",
                where=root,
                hint=f"work on a clone of your own: git clone {root}",
            )
        return None
    told = found.output.decode("utf-8", "surrogateescape").split("\n")
    shallow, form, prefix, *paths = told[:6]
    top, folder, kept = map(Path, paths)
    return CatalogueRepository(git, folder, prefix, top, kept, form, shallow == "true")


def commit_date(past: CatalogueRepository, commit: str) -> int | None:
    """Return when a commit was made; None when it is in no branch or tag of the repository.

    A commit that merely lies about, such as one of a fork's, was never the catalogue.
    """
    found = run(past.git, "cat-file", "commit", commit, folder=past.folder)
    if found.code:
        return None
    merged = run(past.git, "merge-base", "--is-ancestor", commit, "HEAD", folder=past.folder)
    if merged.code:
        options = ("--count=1", f"--contains={commit}", "--format=%(refname)")
        kinds = ("refs/heads", "refs/remotes", "refs/tags")
        if not run(past.git, "for-each-ref", *options, *kinds, folder=past.folder).output:
            return None
    return parse_person(parse_commit(found.output).committer).seconds


def newest_commits(past: CatalogueRepository, count: int) -> tuple[str, ...]:
    """Return the newest commits of the present branch that changed the catalogue."""
    parts = (past.prefix + part for part in PARTS)
    options = (f"--max-count={count}", "HEAD")
    found = run(past.git, "rev-list", *options, "--", *parts, folder=past.folder)
    return tuple(found.output.decode("ascii").split()) if found.code == 0 else ()


@contextmanager
def check_out(past: CatalogueRepository, commit: str) -> Iterator[Path]:
    """Write the files of a commit; yield the catalogue's folder, which is gone at the end."""
    with scratch_folder() as scratch:
        place = scratch.resolve() / "tree"
        _write(past, commit, place, tuple(past.prefix + part for part in PARTS))
        root = place / past.prefix
        if not root.resolve().is_relative_to(place):
            raise DistgenError(f"{past.prefix} is a link that leads outside the repository")
        yield root


def _write(past: CatalogueRepository, commit: str, place: Path, parts: tuple[str, ...]) -> None:
    """Write a commit, and of its submodules those that meet `parts`.

    A repository of its own does it, which only borrows the objects: attributes, filters and line
    ends that are configured in the clone at hand are not the catalogue's.
    """
    place.mkdir(parents=True, exist_ok=True)
    with scratch_folder() as scratch:
        folder = scratch / "git"
        options = ("-q", "--bare", "--template=", f"--object-format={past.format}")
        done = run(past.git, "init", *options, str(folder))
        if not done.code:
            (folder / "objects/info").mkdir(exist_ok=True)
            borrowed = os.fsencode(past.objects) + b"\n"
            (folder / "objects/info/alternates").write_bytes(borrowed)
            words = ("--work-tree", str(place), "read-tree", "--reset", "-u", commit)
            done = run(past.git, *words, folder=folder)
            if done.code and _completed(past, commit, scratch):
                done = run(past.git, *words, folder=folder)
        if done.code:
            raise DistgenError(f"{commit} cannot be read: {explain(done)}", where=past.folder)
        for path, pinned in _submodules(past.git, folder):
            if any(f"{part}/".startswith(f"{path}/") or _below(path, part) for part in parts):
                _write(_submodule(past, path), pinned, place / path, ("",))


def _completed(past: CatalogueRepository, commit: str, scratch: Path) -> bool:
    """Let a partial clone fetch what it lacks of a commit, from where its configuration says.

    git asks for all of it at once only when it writes files.
    """
    place = scratch / "fetched"
    place.mkdir()
    index = {"GIT_INDEX_FILE": str(scratch / "index")}
    git = replace(past.git, network={**past.git.network, **index})
    words = ("-c", "core.sparseCheckout=false", "--work-tree", str(place), "read-tree", "--reset")
    return run(git, *words, "-u", commit, folder=past.folder, network=True).code == 0


def _submodules(git: Git, folder: Path) -> Iterator[tuple[str, str]]:
    listed = run(git, "ls-files", "--stage", "-z", folder=folder)
    for line in listed.output.decode("utf-8", "surrogateescape").split("\0"):
        head, _, path = line.partition("\t")
        if head.startswith("160000 "):
            yield path, head.split()[1]


def _submodule(past: CatalogueRepository, path: str) -> CatalogueRepository:
    found = find_repository(past.git, past.top / path)
    if found is None or found.top == past.top:
        what, hint = f"{path} is a submodule that is not here", "run `git submodule update --init`"
        raise DistgenError(what, where=past.top, hint=hint)
    return found


def _below(path: str, part: str) -> bool:
    return not part or path.startswith(f"{part}/")
