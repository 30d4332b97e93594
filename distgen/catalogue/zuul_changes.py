"""Take the changes of a Zuul queue into the sources of images, as Zuul's merger would."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from distgen.catalogue.zuul_items import ZuulItem, project_of
from distgen.git.refs import CLOSED_SERIES_SUFFIXES, HEADS, TAGS, is_commit_id, release_version
from distgen.model.catalogue import Image, Source, SourceChange
from distgen.model.lock import Lock

_VERSIONS = ("{version}", "v{version}")
_RELEASE = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*(?:[=~<>]=|[<>])")
_NAMED = 3


def relevant_items(source: Source, image: Image, items: Iterable[ZuulItem]) -> tuple[ZuulItem, ...]:
    """Return the items of the repository and branch that a source of an image follows."""
    project = project_of(source.git)
    same_project = [item for item in items if item.ref and item.project == project]
    tag = source.ref.removeprefix(TAGS)
    for branch in _branches(source, image):
        about = tuple(
            item
            for item in same_project
            if (item.tag == tag if item.tag else item.branch == branch)
        )
        if about:
            return about
    return ()


def merge_items(source: Source, items: Iterable[ZuulItem], lock: Lock) -> Source:
    """Return a source that is the tip of its branch with changes merged into it in their order."""
    # The catalogue's own pin is of `master`, so the tip of this run is another entry of the lock.
    ref, changes = source.ref, list[SourceChange]()
    for item in items:
        if not item.change:
            ref, changes = item.ref, []
            continue
        if not changes and ref == source.ref:
            ref = f"{HEADS}{item.branch}"
        changes.append(SourceChange(_git(source, item, lock), item.ref, item.commit))
    return replace(source, ref=ref, changes=tuple(changes))


def item_warnings(
    items: Iterable[ZuulItem], images: Sequence[Image], selected: Collection[str]
) -> tuple[str, ...]:
    """Name the items that have no effect on the selected images, and why.

    `images` are those of the catalogue, with their own sources.
    """
    return tuple(filter(None, (_describe_skipped(item, images, selected) for item in items)))


def _describe_skipped(item: ZuulItem, images: Sequence[Image], selected: Collection[str]) -> str:
    chosen = [image for image in images if image.key in selected]
    users = [image for image in images if _uses(image, item)]
    released = sorted(_releases(item.project, chosen).items())
    if any(image.key in selected for image in users):
        parts = [f"{_names(names)}, with {release} in it" for release, names in released]
        return f"{item} has no effect on {'; '.join(parts)}" if parts else ""
    reasons = [_reason(item, users, chosen)]
    reasons += [f"{release} is in {_names(names)}" for release, names in released]
    return f"{item} has no effect: {', and '.join(reasons)}"


def _reason(item: ZuulItem, users: Sequence[Image], chosen: Sequence[Image]) -> str:
    if not item.ref:
        return "it names no change and no commit"
    if users:
        verb = "are" if len({image.full_name for image in users}) > 1 else "is"
        return f"{_names(image.full_name for image in users)} {verb} not selected"
    refs = {
        f"{image.full_name} from {source.ref}"
        for image in chosen
        for source in image.sources
        if project_of(source.git) == item.project
    }
    if refs:
        return f"it is of {item.tag or item.branch}, and built is {_names(sorted(refs))}"
    return "no selected image is built from that project"


def _uses(image: Image, item: ZuulItem) -> bool:
    return any(relevant_items(source, image, [item]) for source in image.sources)


def _releases(project: str, images: Iterable[Image]) -> Mapping[str, Sequence[str]]:
    """Return the images that install a release of a project, by what they ask for."""
    name = _normalize(project.rpartition("/")[2])
    releases: dict[str, list[str]] = {}
    for image in images:
        for text in _texts(image.values):
            release = _RELEASE.match(text)
            if release and _normalize(release.group(1)) == name:
                releases.setdefault(text, []).append(image.full_name)
    return releases


def _texts(value: object) -> Iterator[str]:
    """Yield the texts in the lists of values, where requirements stand."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            if isinstance(part, str):
                yield part
            else:
                yield from _texts(part)


def _names(names: Iterable[str]) -> str:
    ordered = list(dict.fromkeys(names))
    rest = len(ordered) - _NAMED
    first_names = ", ".join(ordered[:_NAMED])
    return f"{first_names} and {rest} more" if rest > 0 else first_names


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _branches(source: Source, image: Image) -> tuple[str, ...]:
    """Return the branch that a source follows; of what is fixed, those that it may be of."""
    ref = source.ref.removeprefix(HEADS)
    # An image that is built from a tag takes changes of the branch that its stream is of.
    is_fixed = (
        is_commit_id(ref)
        or ref.endswith(CLOSED_SERIES_SUFFIXES)
        or release_version(ref.removeprefix(TAGS), _VERSIONS) is not None
    )
    return (ref, image.stream.branch, image.stream.name) if is_fixed else (ref,)


def _git(source: Source, item: ZuulItem, lock: Lock) -> str:
    """Return the repository to fetch a change from: the one in the lock, else its review's."""
    # A mirror of the sources rarely has refs of changes, so `lock` may have found it elsewhere.
    for git in (source.git, item.git):
        if git is not None and (git, item.ref) in lock.sources:
            return git
    return item.git or source.git
