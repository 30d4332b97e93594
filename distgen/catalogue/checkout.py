"""Write one commit of a catalogue's own history into a folder, as a clone of it would have it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from distgen.catalogue.inputs import PARTS, locate_inputs
from distgen.errors import DistgenError
from distgen.git.commits import parse_commit, parse_person
from distgen.git.run import Git, explain, run
from distgen.git.temporary import scratch_folder


@dataclass(frozen=True, slots=True)
class CatalogueRepository:
    """The repository that holds a catalogue; `prefix` is its folder below `top`, or empty.

    `top` is the root of the work tree, `objects` the folder of git's objects, and `format` the hash
    that names them: sha1, sha256. `parts` are the paths below `top` that the catalogue is read from
    today.
    """

    git: Git
    folder: Path
    prefix: str
    top: Path
    objects: Path
    format: str = "sha1"
    is_shallow: bool = False
    parts: tuple[str, ...] = ()


def find_repository(
    git: Git, root: Path, inputs: Sequence[str] = PARTS
) -> CatalogueRepository | None:
    """Return the repository that holds the catalogue in `root`, None where it is in none."""
    words = ("--is-shallow-repository", "--show-object-format", "--show-prefix")
    places = ("--show-toplevel", "--absolute-git-dir", "--path-format=absolute")
    object_folder = ("--git-path", "objects")
    answer = run(git, "-C", str(root), "rev-parse", *words, *places, *object_folder)
    if answer.code:
        if "dubious ownership" in answer.error:
            raise DistgenError(
                "git does not read a catalogue that belongs to another user",
                where=root,
                hint=f"work on a clone of your own: git clone {root}",
            )
        return None
    lines = answer.output.decode("utf-8", "surrogateescape").split("\n")
    shallow, object_format, prefix, *paths = lines[:6]
    top, folder, objects = map(Path, paths)
    is_shallow, parts = shallow == "true", locate_inputs(root, top, inputs).paths
    return CatalogueRepository(git, folder, prefix, top, objects, object_format, is_shallow, parts)


def commit_date(repository: CatalogueRepository, commit: str) -> int | None:
    """Return when a commit was made; None when it is in no branch or tag of the repository.

    A commit that is only there as an object, such as one of a fork, was never the catalogue.
    """
    content = run(repository.git, "cat-file", "commit", commit, folder=repository.folder)
    if content.code:
        return None
    is_ancestor = run(
        repository.git, "merge-base", "--is-ancestor", commit, "HEAD", folder=repository.folder
    )
    if is_ancestor.code:
        options = ("--count=1", f"--contains={commit}", "--format=%(refname)")
        kinds = ("refs/heads", "refs/remotes", "refs/tags")
        if not run(
            repository.git, "for-each-ref", *options, *kinds, folder=repository.folder
        ).output:
            return None
    return parse_person(parse_commit(content.output).committer).seconds


def newest_commits(repository: CatalogueRepository, count: int) -> tuple[str, ...]:
    """Return the newest commits of the present branch that changed the catalogue."""
    words = ("rev-list", f"--max-count={count}", "HEAD", "--", *repository.parts)
    answer = run(repository.git, *words, folder=repository.folder)
    return tuple(answer.output.decode("ascii").split()) if answer.code == 0 else ()


@contextmanager
def check_out(repository: CatalogueRepository, commit: str) -> Iterator[Path]:
    """Write the files of a commit; yield the catalogue's folder, which is removed at the end."""
    with scratch_folder() as scratch:
        place = scratch.resolve() / "tree"
        parts = dict.fromkeys((*(repository.prefix + part for part in PARTS), *repository.parts))
        _write(repository, commit, place, tuple(parts))
        root = place / repository.prefix
        if not root.resolve().is_relative_to(place):
            raise DistgenError(f"{repository.prefix} is a link that leads outside the repository")
        yield root


def _write(
    repository: CatalogueRepository, commit: str, place: Path, parts: tuple[str, ...]
) -> None:
    """Write a commit, and of its submodules those that meet `parts`.

    A repository of its own does it, which only borrows the objects: attributes, filters and line
    ends that a person had configured in a clone made honest commits look forged.
    """
    place.mkdir(parents=True, exist_ok=True)
    with scratch_folder() as scratch:
        folder = scratch / "git"
        options = ("-q", "--bare", "--template=", f"--object-format={repository.format}")
        outcome = run(repository.git, "init", *options, str(folder))
        if not outcome.code:
            (folder / "objects/info").mkdir(exist_ok=True)
            alternates = os.fsencode(repository.objects) + b"\n"
            (folder / "objects/info/alternates").write_bytes(alternates)
            words = ("--work-tree", str(place), "read-tree", "--reset", "-u", commit)
            outcome = run(repository.git, *words, folder=folder)
            if outcome.code and _fetch_missing(repository, commit, scratch):
                outcome = run(repository.git, *words, folder=folder)
        if outcome.code:
            raise DistgenError(
                f"{commit} cannot be read: {explain(outcome)}", where=repository.folder
            )
        for path, submodule_commit in _submodules(repository.git, folder):
            if any(f"{part}/".startswith(f"{path}/") or _below(path, part) for part in parts):
                _write(_submodule(repository, path), submodule_commit, place / path, ("",))
            else:
                _make_unreadable(place / path)


def _fetch_missing(repository: CatalogueRepository, commit: str, scratch: Path) -> bool:
    """Let a partial clone fetch what it lacks of a commit, from where its configuration says.

    git asks for all of it at once only when it writes files.
    """
    place = scratch / "fetched"
    place.mkdir()
    index = {"GIT_INDEX_FILE": str(scratch / "index")}
    git = replace(repository.git, network={**repository.git.network, **index})
    words = ("-c", "core.sparseCheckout=false", "--work-tree", str(place), "read-tree", "--reset")
    return run(git, *words, "-u", commit, folder=repository.folder, network=True).code == 0


def _make_unreadable(folder: Path) -> None:
    """Put a link that leads nowhere in the place of a submodule that is not written.

    A state that reads it must fail: an empty folder would give other images without a word.
    """
    with suppress(OSError):
        folder.rmdir()
        folder.symlink_to("a submodule that is not here")


def _submodules(git: Git, folder: Path) -> Iterator[tuple[str, str]]:
    index = run(git, "ls-files", "--stage", "-z", folder=folder)
    for line in index.output.decode("utf-8", "surrogateescape").split("\0"):
        head, _, path = line.partition("\t")
        if head.startswith("160000 "):
            yield path, head.split()[1]


def _submodule(repository: CatalogueRepository, path: str) -> CatalogueRepository:
    submodule = find_repository(repository.git, repository.top / path)
    if submodule is None or submodule.top == repository.top:
        raise DistgenError(
            f"{path} is a submodule that is not here",
            where=repository.top,
            hint="run `git submodule update --init`",
        )
    return submodule


def _below(path: str, part: str) -> bool:
    return not part or path.startswith(f"{part}/")
