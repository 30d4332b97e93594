"""Find the branches that distgen wrote and whose image or stream has left the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from distgen.errors import DistgenError, InputError
from distgen.git.cat_file import ObjectReader
from distgen.git.local import read_all_heads
from distgen.git.location import Place, locate
from distgen.git.remote import list_refs
from distgen.git.run import Git
from distgen.git.store import fetch_refs, scratch_store
from distgen.model.catalogue import Catalogue
from distgen.model.words import REVIEW_BRANCHES
from distgen.pool import thread_pool
from distgen.publish.branch import read_manifest, read_retirement
from distgen.publish.plan import BranchTarget

_HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class OrphanSearch:
    """Where to look: `names` are globs of `namespace/image`, with `@stream` or without.

    Without names it is about the namespaces of the catalogue, for the folder of a namespace that
    left may be another catalogue's. `servers` looks at the servers' repositories of the images of
    the catalogue as well. Those of images that left are listed nowhere: a server is asked for the
    plain ones of `names` alone. `retired` finds also what was retired already.
    """

    names: tuple[str, ...] = ()
    servers: bool = False
    jobs: int = 8
    retired: bool = False

    def matches(self, target: BranchTarget) -> bool:
        """Say whether a branch is one of those that are named."""
        return any(
            fnmatchcase(target.key if "@" in name else target.image, name) for name in self.names
        )


WHOLE_CATALOGUE = OrphanSearch()


@dataclass(frozen=True, slots=True)
class _Orphan:
    """A branch that distgen wrote; `retired`: what stands there is the note of it."""

    target: BranchTarget
    retired: bool = False


def find_orphans(
    catalogue: Catalogue, git: Git, search: OrphanSearch = WHOLE_CATALOGUE
) -> tuple[BranchTarget, ...]:
    """Return the branches to retire, sorted; a folder that cannot be read is not distgen's.

    Raise DistgenError where a server cannot be asked for the repository of an image that left.
    """
    known = {image.key for image in catalogue.images}
    names = search.names or tuple(f"{namespace}/*" for namespace in catalogue.namespaces)
    search = replace(search, names=names)
    ours: dict[Place, set[str]] = {}
    for image in catalogue.images:
        place = locate(image.url, Path(catalogue.root))
        ours.setdefault(place, set()).add(image.stream.branch)
    places = sorted(_places(catalogue, search).items())
    with thread_pool(git.stop, search.jobs) as pool:
        look = partial(_on, git, ours)
        found = [stray for those in pool.map(look, places) for stray in those]
    by_key: dict[str, list[_Orphan]] = {}
    for stray in found:
        if stray.target.key not in known and search.matches(stray.target):
            by_key.setdefault(stray.target.key, []).append(stray)
    left = (_published(catalogue, by_key[key]) for key in sorted(by_key))
    return tuple(one.target for one in left if search.retired or not one.retired)


def _published(catalogue: Catalogue, found: Sequence[_Orphan]) -> _Orphan:
    """Return the branch that was published to; others with its manifest began from it."""
    image, stream = found[0].target.image, found[0].target.stream
    namespace = catalogue.namespaces.get(image.partition("/")[0])
    streams = namespace.streams if namespace else ()
    likely = {one.branch for one in streams if one.name == stream}
    homes = {_home(pattern, image) for pattern in _patterns(catalogue, image)}

    def rank(stray: _Orphan) -> tuple[bool, bool, bool, bool, int, str]:
        url, branch = stray.target.url, stray.target.branch
        words = (branch not in likely, branch != stream, branch.rpartition("/")[2] != stream)
        return (url not in homes, *words, len(branch), branch)

    return min(found, key=rank)


def _patterns(catalogue: Catalogue, full_name: str) -> set[str]:
    """Return where the namespace of an image is published; any may be that of one that left."""
    own = catalogue.namespaces.get(full_name.partition("/")[0])
    return {found.dist_git.url for found in ([own] if own else catalogue.namespaces.values())}


def _home(pattern: str, full_name: str) -> str:
    """Return the address of the repository of an image, or a glob of those of a glob."""
    namespace, _, image = full_name.partition("/")
    return pattern.replace("{namespace}", namespace).replace("{image}", image)


def _places(catalogue: Catalogue, search: OrphanSearch) -> dict[str, Place]:
    """Return where strays may be, by the address that the catalogue would give."""
    root = Path(catalogue.root)
    names = {name.partition("@")[0] for name in search.names}
    found: dict[str, Place] = {}
    for name in names:
        for pattern in _patterns(catalogue, name):
            url = _home(pattern, name)
            place = locate(url, root)
            if place.folder is not None:
                found |= {_address(pattern, root, p): locate(str(p), root) for p in _globbed(place)}
            elif not {*"*?["} & {*name}:
                found[url] = place
    if search.servers:
        named = (i for i in catalogue.images if any(fnmatchcase(i.full_name, n) for n in names))
        found |= {image.url: locate(image.url, root) for image in named}
    return found


def _globbed(place: Place) -> Iterator[Path]:
    assert place.folder is not None
    anchor = Path(place.folder.anchor)
    for path in anchor.glob(str(place.folder.relative_to(anchor))):
        if path.is_dir():
            yield path


def _address(pattern: str, root: Path, path: Path) -> str:
    """Return a folder as the catalogue writes it: relative where its pattern is."""
    if pattern.startswith(("/", "file:")) or not path.is_relative_to(root.absolute()):
        return str(path)
    return str(path.relative_to(root.absolute()))


def _on(
    git: Git, ours: Mapping[Place, Collection[str]], where: tuple[str, Place]
) -> tuple[_Orphan, ...]:
    """Return the branches of a repository that distgen wrote and that are not ours now."""
    url, place = where
    try:
        tips = {
            branch: tip
            for branch, tip in _tips(git, place).items()
            if branch not in ours.get(place, ()) and not branch.startswith(REVIEW_BRANCHES)
        }
        if not tips:
            return ()
        with ExitStack() as stack:
            if place.folder is not None:
                reader = stack.enter_context(ObjectReader(git, place.folder))
            else:
                store = stack.enter_context(scratch_store(git, None))
                fetch_refs(store, place, tuple(tips))
                reader = store.reader
            return tuple(_written(reader, url, tips))
    except InputError:
        raise
    except DistgenError:
        if place.folder is None and place not in ours:
            raise
        return ()


def _tips(git: Git, place: Place) -> Mapping[str, str]:
    """Return the commits of all branches."""
    found = read_all_heads(place.folder) if place.folder is not None else None
    if found is not None:
        return found
    refs = list_refs(git, place, (f"{_HEADS}*",)) or {}
    return {ref.removeprefix(_HEADS): commit for ref, commit in refs.items()}


def _written(reader: ObjectReader, url: str, tips: Mapping[str, str]) -> Iterator[_Orphan]:
    for branch, tip in sorted(tips.items()):
        found = read_manifest(reader, tip)
        if found is not None:
            yield _Orphan(BranchTarget(found.image, found.stream, url, branch))
        elif about := read_retirement(reader, tip):
            yield _Orphan(BranchTarget(*about, url, branch), retired=True)
