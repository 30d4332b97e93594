"""Find the branches that distgen wrote and whose image or stream has left the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from itertools import chain
from pathlib import Path

from distgen.errors import DistgenError, InputError
from distgen.git.cat_file import ObjectReader
from distgen.git.local import read_all_heads
from distgen.git.location import Place, locate
from distgen.git.refs import HEADS
from distgen.git.remote import list_refs
from distgen.git.run import Git
from distgen.git.store import fetch_refs, scratch_store
from distgen.model.catalogue import Catalogue
from distgen.model.words import REVIEW_BRANCHES
from distgen.pool import map_parallel, thread_pool
from distgen.publish.branch import read_manifest, read_retirement
from distgen.publish.target import BranchTarget


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
class _WrittenBranch:
    """A branch that distgen wrote; `retired`: it holds the note of retirement."""

    target: BranchTarget
    retired: bool = False


def find_orphans(
    catalogue: Catalogue, git: Git, search: OrphanSearch = WHOLE_CATALOGUE
) -> tuple[BranchTarget, ...]:
    """Return the branches to retire, sorted; a folder that cannot be read is not distgen's.

    Raise DistgenError where a server cannot be asked for the repository of an image that left.
    """
    catalogue_keys = {image.key for image in catalogue.images}
    names = search.names or tuple(f"{namespace}/*" for namespace in catalogue.namespaces)
    search = replace(search, names=names)
    current_branches: dict[Place, set[str]] = {}
    for image in catalogue.images:
        place = locate(image.url, Path(catalogue.root))
        current_branches.setdefault(place, set()).add(image.stream.branch)
    places = sorted(_places(catalogue, search).items())
    look = partial(_find_in_repository, git, current_branches)
    # A folder is looked at faster than a thread is told of it.
    results = [*map(look, (item for item in places if item[1].folder is not None))]
    if servers := [item for item in places if item[1].folder is None]:
        with thread_pool(git.stop, search.jobs) as pool:
            results += map_parallel(pool, look, servers)
    branches_by_key: dict[str, list[_WrittenBranch]] = {}
    for branch in chain.from_iterable(results):
        if branch.target.key not in catalogue_keys and search.matches(branch.target):
            branches_by_key.setdefault(branch.target.key, []).append(branch)
    orphans = (_main_branch(catalogue, branches_by_key[key]) for key in sorted(branches_by_key))
    return tuple(orphan.target for orphan in orphans if search.retired or not orphan.retired)


def _main_branch(catalogue: Catalogue, branches: Sequence[_WrittenBranch]) -> _WrittenBranch:
    """Return the branch that was published to; others with its manifest began from it."""
    image, stream = branches[0].target.image, branches[0].target.stream
    namespace = catalogue.namespaces.get(image.partition("/")[0])
    streams = namespace.streams if namespace else ()
    # Retired a second time, a packager's branch or a copy of the repository was taken for the one
    # that was published, since only they still had a manifest.
    expected_branches = {item.branch for item in streams if item.name == stream}
    expected_urls = {_fill(pattern, image) for pattern in _url_patterns(catalogue, image)}

    def rank(branch: _WrittenBranch) -> tuple[bool, bool, bool, bool, int, str]:
        url, name = branch.target.url, branch.target.branch
        last_part = name.rpartition("/")[2]
        differences = (name not in expected_branches, name != stream, last_part != stream)
        return (url not in expected_urls, *differences, len(name), name)

    return min(branches, key=rank)


def _url_patterns(catalogue: Catalogue, full_name: str) -> set[str]:
    """Return where the namespace of an image is published; any may be that of one that left."""
    namespace = catalogue.namespaces.get(full_name.partition("/")[0])
    namespaces = [namespace] if namespace else catalogue.namespaces.values()
    return {namespace.dist_git.url for namespace in namespaces}


def _fill(pattern: str, full_name: str) -> str:
    """Return the address of the repository of an image, or a glob of those of a glob."""
    namespace, _, image = full_name.partition("/")
    return pattern.replace("{namespace}", namespace).replace("{image}", image)


def _places(catalogue: Catalogue, search: OrphanSearch) -> dict[str, Place]:
    """Return where orphans may be, by the address that the catalogue would give."""
    root = Path(catalogue.root)
    names = {name.partition("@")[0] for name in search.names}
    places: dict[str, Place] = {}
    for name in names:
        for pattern in _url_patterns(catalogue, name):
            url = _fill(pattern, name)
            place = locate(url, root)
            if place.folder is not None:
                for folder in _matching_folders(place.folder):
                    places[_address(pattern, root, folder)] = locate(str(folder), root)
            elif not {*"*?["} & {*name}:
                places[url] = place
    if search.servers:
        for image in catalogue.images:
            if any(fnmatchcase(image.full_name, name) for name in names):
                places[image.url] = locate(image.url, root)
    return places


def _matching_folders(glob: Path) -> Iterator[Path]:
    anchor = Path(glob.anchor)
    for path in anchor.glob(str(glob.relative_to(anchor))):
        if path.is_dir():
            yield path


def _address(pattern: str, root: Path, folder: Path) -> str:
    """Return a folder as the catalogue writes it: relative where its pattern is."""
    if pattern.startswith(("/", "file:")) or not folder.is_relative_to(root.absolute()):
        return str(folder)
    return str(folder.relative_to(root.absolute()))


def _find_in_repository(
    git: Git, current_branches: Mapping[Place, Collection[str]], location: tuple[str, Place]
) -> tuple[_WrittenBranch, ...]:
    """Return the branches that distgen wrote and that no image of the catalogue has now."""
    url, place = location
    try:
        tips = {
            branch: tip
            for branch, tip in _list_tips(git, place, current_branches.get(place, ())).items()
            if not branch.startswith(REVIEW_BRANCHES)
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
            return tuple(_written_branches(reader, url, tips))
    except InputError:
        raise
    except DistgenError:
        if place.folder is None and place not in current_branches:
            raise
        return ()


def _list_tips(git: Git, place: Place, ignored: Collection[str]) -> Mapping[str, str]:
    """Return the commits of all branches but the ignored."""
    tips = read_all_heads(place.folder, ignored) if place.folder is not None else None
    if tips is not None:
        return tips
    refs = list_refs(git, place, (f"{HEADS}*",)) or {}
    branches = {ref.removeprefix(HEADS): commit for ref, commit in refs.items()}
    return {branch: commit for branch, commit in branches.items() if branch not in ignored}


def _written_branches(
    reader: ObjectReader, url: str, tips: Mapping[str, str]
) -> Iterator[_WrittenBranch]:
    for branch, tip in sorted(tips.items()):
        manifest = read_manifest(reader, tip)
        if manifest is not None:
            target = BranchTarget(manifest.image, manifest.stream, url, branch)
            yield _WrittenBranch(target)
        elif retirement := read_retirement(reader, tip):
            yield _WrittenBranch(BranchTarget(*retirement, url, branch), retired=True)
