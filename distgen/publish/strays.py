"""Find the branches that distgen wrote and whose image or stream has left the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from distgen.errors import DistgenError, InputError
from distgen.model import Catalog
from distgen.plan import Target
from distgen.store import fetch, scratch_store
from distgen.store.branches import manifest
from distgen.store.git import Git, Reader
from distgen.store.places import Place, locate
from distgen.store.remotes import listing


def strays(catalog: Catalog, git: Git, names: Sequence[str] = ()) -> tuple[Target, ...]:
    """Return the branches to retire, sorted.

    Local repositories are found where the catalogue keeps them. Those on servers are not listed
    anywhere, so they are asked for by `names` (`namespace/image`) alone.
    """
    known = {image.key for image in catalog.images}
    found = {
        stray.key: stray
        for url, place in sorted(_places(catalog, names).items())
        for stray in _on(git, url, place)
        if stray.key not in known and (not names or stray.image in names)
    }
    return tuple(found[key] for key in sorted(found))


def _places(catalog: Catalog, names: Sequence[str]) -> dict[str, Place]:
    """Return where strays may be, by the address that the catalogue would give."""
    root = Path(catalog.root)
    patterns = {namespace.dist_git.url for namespace in catalog.namespaces.values()}
    found: dict[str, Place] = {}
    for pattern in patterns:
        for name in names or ("*/*",):
            namespace, _, image = name.partition("/")
            url = pattern.replace("{namespace}", namespace).replace("{image}", image)
            place = locate(url, root)
            if place.folder is not None:
                found |= {_address(pattern, root, p): locate(str(p), root) for p in _globbed(place)}
            elif names:
                found[url] = place
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


def _on(git: Git, url: str, place: Place) -> Iterator[Target]:
    """Yield the branches of a repository that have a manifest."""
    try:
        refs = listing(git, place, ("refs/heads/*",)) or {}
        tips = {ref.removeprefix("refs/heads/"): commit for ref, commit in refs.items()}
        if place.folder is not None:
            with Reader(git, place.folder) as reader:
                yield from _written(reader, url, tips)
        elif tips:
            with scratch_store(git, None) as store:
                fetch(store, place, tuple(tips))
                yield from _written(store.reader, url, tips)
    except InputError:
        raise
    except DistgenError:
        return  # what cannot be read was not written by distgen


def _written(reader: Reader, url: str, tips: Mapping[str, str]) -> Iterator[Target]:
    for branch, tip in sorted(tips.items()):
        found = manifest(reader, tip)
        if found is not None:
            yield Target(found.image, found.stream, url, branch)
