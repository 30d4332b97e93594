"""Replace sources of images for one run: by a change under review, another branch, a fork."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from distgen.catalogue.zuul_items import ZuulItem, project_of
from distgen.errors import InputError
from distgen.git.refs import CLOSED_SERIES_SUFFIXES, HEADS, is_commit_id, release_version
from distgen.model.catalogue import Catalogue, Image, Source
from distgen.model.lock import Lock
from distgen.model.rendered import Tree
from distgen.model.words import Origin
from distgen.schema.formats import SECRET_FORMATS, format_problem
from distgen.text.suggest import did_you_mean

_GERRIT = re.compile(r"(\d+)[,/](\d+)")
_VERSIONS = ("{version}", "v{version}")


@dataclass(frozen=True, slots=True)
class Override:
    """One `--source [IMAGE:]NAME=REF`; `git` None leaves the repository as it is."""

    text: str
    images: str
    name: str
    git: str | None
    ref: str


@dataclass(frozen=True, slots=True)
class Speculation:
    """A catalogue with sources replaced, and the keys of the images that have such a source."""

    catalogue: Catalogue
    images: tuple[str, ...] = ()
    elsewhere: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Where else a change may be found: other repositories by (git, ref)."""


def parse_override(text: str) -> Override:
    """Parse `[IMAGE:]NAME=REF`, `NAME=URL#REF` or `NAME=CHANGE,PATCHSET` of Gerrit."""
    where = Origin(f"--source {text.partition('=')[0]}")
    target, equals, right = text.partition("=")
    images, colon, name = target.rpartition(":")
    url, sharp, ref = right.rpartition("#")
    if not (equals and name and ref) or (colon and not images) or (sharp and not url):
        raise InputError(
            "is not a replacement of a source",
            where=where,
            hint="write --source NAME=REF or NAME=URL#REF",
        )
    change = _GERRIT.fullmatch(ref)
    if change:
        number, patchset = change.groups()
        ref = f"refs/changes/{number[-2:].zfill(2)}/{number}/{patchset}"
    for kind, value in (("git-url", url), ("git-ref", ref)):
        problem = format_problem(kind, value) if value else ""
        if problem:
            subject = "the repository" if kind in SECRET_FORMATS else f"`{value}`"
            raise InputError(f"{subject} {problem}", where=where)
    return Override(text, images or "*", name, url or None, ref)


def override_sources(
    catalogue: Catalogue, overrides: Sequence[Override], items: Sequence[ZuulItem], lock: Lock
) -> Speculation:
    """Replace the sources that overrides and Zuul's items name; overrides count more."""
    _refuse_unmatched(catalogue, overrides)
    images = tuple(_replace_sources(image, overrides, items, lock) for image in catalogue.images)
    pairs = zip(images, catalogue.images, strict=True)
    replaced_keys = tuple(new.key for new, old in pairs if new is not old)
    elsewhere = {
        (item.git, item.ref): source.git
        for item in items
        for image in catalogue.images
        for source in image.sources
        if item.git is not None and item.git != source.git and _is_about(item, source, image)
    }
    return Speculation(replace(catalogue, images=images), replaced_keys, elsewhere)


def publishing_refusal(speculation: Speculation) -> Callable[[Tree], str]:
    """Return a function that says why a tree with replaced sources must not be published."""
    images = {image.key: image for image in speculation.catalogue.images}

    def refuse(tree: Tree) -> str:
        if tree.key not in speculation.images or images[tree.key].stream.speculative:
            return ""
        return (
            "its sources were replaced for this run, and its stream is maintained;"
            " publish to a stream that is `speculative: true`"
        )

    return refuse


def _replace_sources(
    image: Image, overrides: Sequence[Override], items: Iterable[ZuulItem], lock: Lock
) -> Image:
    sources = []
    for source in image.sources:
        matches = [
            override
            for override in overrides
            if source.name == override.name and _reaches(override, image)
        ]
        change = next((item for item in items if _is_about(item, source, image)), None)
        if matches:
            last = matches[-1]
            sources.append(replace(source, git=last.git or source.git, ref=last.ref))
        elif change is not None:
            sources.append(replace(source, git=_git(source, change, lock), ref=change.ref))
        else:
            sources.append(source)
    return image if tuple(sources) == image.sources else replace(image, sources=tuple(sources))


def _reaches(override: Override, image: Image) -> bool:
    name, _, stream = override.images.partition("@")
    return fnmatchcase(image.full_name, name) and fnmatchcase(image.stream.name, stream or "*")


def _is_about(item: ZuulItem, source: Source, image: Image) -> bool:
    """Tell whether a change is of this repository and of the branch that the image follows."""
    if project_of(source.git) != item.project.removesuffix(".git"):
        return False
    ref = source.ref.removeprefix(HEADS)
    if ref == item.branch:
        return True
    # An image that is built from a tag takes changes of the branch that its stream is of.
    is_fixed = (
        is_commit_id(ref)
        or ref.endswith(CLOSED_SERIES_SUFFIXES)
        or release_version(ref, _VERSIONS) is not None
    )
    return is_fixed and item.branch in (image.stream.name, image.stream.branch)


def _git(source: Source, item: ZuulItem, lock: Lock) -> str:
    """Return the repository to fetch a change from: the one in the lock, else its review's."""
    # A mirror of the sources rarely has refs of changes, so `lock` may have found it elsewhere.
    for git in (source.git, item.git):
        if git is not None and (git, item.ref) in lock.sources:
            return git
    return item.git or source.git


def _refuse_unmatched(catalogue: Catalogue, overrides: Iterable[Override]) -> None:
    for override in overrides:
        images = [image for image in catalogue.images if _reaches(override, image)]
        names = {source.name for image in images for source in image.sources}
        if override.name not in names:
            which = "image" if override.images == "*" else f"image that matches {override.images}"
            raise InputError(
                f"no {which} has a source called {override.name}",
                where=Origin(f"--source {override.text}"),
                hint=did_you_mean(override.name, names),
            )
