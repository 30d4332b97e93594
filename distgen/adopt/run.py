"""Drive adoption: read the edits of branches, and find the overlay files that carry them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from distgen.adopt.history import companions, editor, history
from distgen.adopt.patches import (
    PATCHES,
    Adopted,
    Adoption,
    Files,
    adoption,
    can_come_along,
    divided,
    edited,
    has_own,
    laid,
    named,
    refusal,
    same,
    with_files,
    with_patches,
)
from distgen.errors import DistgenError, InputError
from distgen.git.cat_file import ObjectReader
from distgen.git.remote import RemoteHeads, read_remote_heads
from distgen.git.run import Git, hide_secrets
from distgen.git.store import Store, scratch_store
from distgen.lint.check import Work, fault
from distgen.model.catalogue import Catalogue, Image, TemplateFile
from distgen.model.lock import Lock
from distgen.model.rendered import File, Tree
from distgen.model.words import ATTRIBUTES, MANIFEST
from distgen.pool import thread_pool
from distgen.publish.branch import read_branch
from distgen.publish.merge_file import three_way_merge
from distgen.publish.repository_access import (
    Repository,
    fetch_tips,
    list_repositories,
    open_reader,
)
from distgen.render.manifest import generated
from distgen.render.renderer import Renderer


@dataclass(frozen=True, slots=True)
class Request:
    """Whose edits to adopt, and where from; `jobs` repositories are fetched at once."""

    catalogue: Catalogue
    lock: Lock
    images: tuple[Image, ...]
    jobs: int = 8


@dataclass(frozen=True, slots=True)
class _Seen:
    """A branch with edits: what its rendered files should be, and what carries that."""

    image: Image
    commit: str
    found: Adoption
    wanted: Files = field(repr=False)


class _Work:
    """The images of the catalogue as they become while edits are adopted one after the other."""

    def __init__(self, request: Request) -> None:
        self.catalogue, self.lock = request.catalogue, request.lock
        self.renderer = Renderer(request.catalogue, request.lock)
        self.images = {image.key: image for image in request.catalogue.images}

    def tree(self, image: Image) -> Tree:
        return self.renderer.tree(image)

    def fault(self, became: Mapping[str, Image]) -> str:
        """Say why one of the images could be published before and not as it became, "" if none."""
        was, now = self._faults(self.images), self._faults({**self.images, **became})
        for key, image in became.items():
            why = now(self.tree(image))
            if why and not was(self.tree(self.images[key])):
                return why
        return ""

    def _faults(self, images: Mapping[str, Image]) -> Callable[[Tree], str]:
        catalogue = replace(self.catalogue, images=tuple(images.values()))
        return fault(Work(catalogue, self.lock, (), self.renderer))

    def streams(self, image: Image) -> tuple[Image, ...]:
        """Return the image in all its streams."""
        return tuple(one for one in self.images.values() if one.full_name == image.full_name)

    def heirs(self, image: Image) -> tuple[Image, ...]:
        """Return the images whose overlays extend the one of this image."""
        return tuple(one for one in self.images.values() if image.full_name in one.heritage)


def adopt(git: Git, request: Request, beside: Path | None) -> Iterator[Adopted]:
    """Yield what becomes of the edits of each image; nothing is written.

    Images that others extend come first, for their patches reach those.
    """
    work = _Work(request)
    repositories = list_repositories(request.catalogue, request.images)
    with scratch_store(git, beside) as store, thread_pool(git.stop, request.jobs) as pool:
        ordered = sorted(repositories, key=lambda found: _heritage(work, found))
        jobs = [(found, pool.submit(_surveyed, git, store, found)) for found in ordered]
        for repository, job in jobs:
            images = [work.images[target.key] for target in repository.targets]
            try:
                with open_reader(store, repository.place, job.result()) as (reader, stands):
                    yield from _adopted(work, repository, images, (reader, stands))
            except DistgenError as error:
                yield from (
                    Adopted(image, "failed", detail=hide_secrets(str(error))) for image in images
                )


def _heritage(work: _Work, repository: Repository) -> int:
    return max(len(work.images[target.key].heritage) for target in repository.targets)


def _surveyed(git: Git, store: Store, repository: Repository) -> RemoteHeads:
    stands = read_remote_heads(
        git, repository.place, [target.branch for target in repository.targets]
    )
    if repository.place.folder is None and stands.tips:
        return fetch_tips(store, repository.place, stands)
    return stands


def _adopted(
    work: _Work,
    repository: Repository,
    images: Sequence[Image],
    seen: tuple[ObjectReader | None, RemoteHeads],
) -> Iterator[Adopted]:
    """Yield what becomes of the edits of an image, stream by stream."""
    reader, stands = seen
    todo: list[_Seen] = []
    for image in images:
        tip = stands.tips.get(image.stream.branch)
        if tip is None or reader is None:
            yield Adopted(image, "unchanged", detail="it is not published")
            continue
        try:
            found = _seen(work, reader, image, (tip, repository.author))
        except DistgenError as error:
            yield Adopted(image, "failed", tip, hide_secrets(str(error)))
            continue
        if found.found.refusal:
            edits = found.found.edits
            yield Adopted(image, "refused", tip, found.found.refusal, edits=edits)
        elif found.found.patches or found.found.files:
            todo.append(found)
        else:
            yield Adopted(image, "unchanged", tip)
    if todo:
        yield from _carried(work, todo)


def _seen(work: _Work, reader: ObjectReader, image: Image, where: tuple[str, str]) -> _Seen:
    """Find out what the overlay of an image needs so that it is rendered as its branch is."""
    tip, author = where
    tree = work.tree(image)
    new = {file.path: file for file in generated(tree)}
    there = read_branch(reader, tip, new)
    last = there.manifest
    if last is None or (last.image, last.stream) != (image.full_name, image.stream.name):
        owner = f"it belongs to {last.image}@{last.stream}" if last else "distgen did not write it"
        return _Seen(image, tip, Adoption(refusal=there.problem or owner), {})
    edits, targets, why = edited(new, there, three_way_merge(reader.git))
    if why or not edits:
        return _Seen(image, tip, Adoption(edits=edits, refusal=why), {})
    paths = [edit.path for edit in edits]
    told = history(reader, tip, author, paths)
    rendered = [path for path in new if targets.get(path, path) is not None]
    theirs = {
        file.path: file
        for file in companions(reader, tip, told, paths)
        if file.path not in {*new, *last.files} and can_come_along(file, rendered)
    }
    plain = {path: file for path, file in new.items() if path not in (MANIFEST, ATTRIBUTES)}
    whole: dict[str, File | None] = {**theirs, **targets}
    if why := refusal(plain, whole) or divided(edits, new, theirs):
        return _Seen(image, tip, Adoption(edits=edits, refusal=why), {})
    found = adoption(plain, whole, told, image, editor(reader, tip, paths))
    found = replace(found, edits=edits)
    wanted = {path: file for path, file in {**plain, **whole}.items() if file is not None}
    return _Seen(image, tip, found, wanted)


def _carried(work: _Work, todo: Sequence[_Seen]) -> Iterator[Adopted]:
    """Yield the files that carry the edits of some streams, the first layout that does it."""
    first = todo[0].image
    shared = len(todo) == len(work.streams(first)) and same([seen.found for seen in todo])
    trouble = _trouble(todo, shared)
    layouts = () if trouble else (True, False) if shared else (False,)
    for is_shared in layouts:
        # Streams that share their patches get those of the first, whoever's commits they are.
        new = {
            seen.image.key: tuple(_files(todo[0] if is_shared else seen, is_shared))
            for seen in todo
        }
        trouble, touches = _tried(work, todo, new)
        if not trouble:
            for seen in todo:
                files, edits = new[seen.image.key], seen.found.edits
                yield Adopted(seen.image, "adopted", seen.commit, "", files, edits, touches)
            return
    for seen in todo:
        yield Adopted(seen.image, "refused", seen.commit, trouble, edits=seen.found.edits)


def _trouble(todo: Sequence[_Seen], shared: bool) -> str:
    """Say why whole files cannot be laid over, "" when they can."""
    for seen in todo:
        for file in seen.found.files:
            if has_own(seen.image, file.path):
                return f"{file.path} is binary, and the overlay has its own; replace that"
            if not shared:
                return f"{file.path} is binary, and a file of an overlay is for all streams"
    return ""


def _files(seen: _Seen, is_shared: bool) -> Iterator[TemplateFile]:
    image = seen.image
    inner = PATCHES if is_shared else f"{PATCHES}/{image.stream.name}"
    taken = [
        file.path.removeprefix(f"{inner}/")
        for file in image.patches
        if file.path.rpartition("/")[0] == inner
    ]
    folder = f"overlays/{image.full_name}"
    for file in named(seen.found.patches, inner, taken):
        yield replace(file, source=f"{folder}/{file.path}")
    for whole in seen.found.files:
        yield laid(folder, whole)


def _tried(
    work: _Work, todo: Sequence[_Seen], new: Mapping[str, Sequence[TemplateFile]]
) -> tuple[str, tuple[str, ...]]:
    """Render with the new files; say what goes wrong, and which other images change.

    When all goes well the images of the work have the files from now on.
    """
    became: dict[str, Image] = {}
    touches = []
    every = [file for files in new.values() for file in files]
    try:
        for seen in todo:
            image = _with(seen.image, new[seen.image.key])
            if {file.path: file for file in work.tree(image).files} != seen.wanted:
                return "patches of other names come after those of the edit; number them", ()
            became[image.key] = image
        for heir in work.heirs(todo[0].image):
            image = _with(heir, every)
            if work.tree(image) != work.tree(heir):
                touches.append(heir.key)
            became[heir.key] = image
        why = work.fault(became)
    except InputError as error:
        return f"it would not be rendered any more: {error}", ()
    if why:
        return f"it would not be published any more: {why}", ()
    work.images |= became
    return "", tuple(touches)


def _with(image: Image, files: Iterable[TemplateFile]) -> Image:
    found = tuple(files)
    patches = [file for file in found if file.path.startswith(f"{PATCHES}/")]
    others = [file for file in found if not file.path.startswith(f"{PATCHES}/")]
    return with_files(with_patches(image, patches), others)
