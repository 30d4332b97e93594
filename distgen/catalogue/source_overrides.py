"""Replace sources of images for one run: by a change under review, another branch, a fork."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from distgen.catalogue.speculation import Speculation
from distgen.catalogue.zuul_changes import merge_items, relevant_items
from distgen.catalogue.zuul_items import ZuulItem
from distgen.errors import InputError
from distgen.model.catalogue import Catalogue, Image, Source
from distgen.model.lock import Lock
from distgen.model.words import Origin
from distgen.schema.formats import SECRET_FORMATS, format_problem
from distgen.text.suggest import did_you_mean

_GERRIT = re.compile(r"(\d+)[,/](\d+)")


@dataclass(frozen=True, slots=True)
class Override:
    """One `--source [IMAGE:]NAME=REF`; `git` None leaves the repository as it is."""

    text: str
    images: str
    name: str
    git: str | None
    ref: str


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
    """Replace the sources that overrides and Zuul's items name; both for one are refused."""
    _refuse_unmatched(catalogue, overrides)
    images = tuple(_replace_sources(image, overrides, items, lock) for image in catalogue.images)
    pairs = zip(images, catalogue.images, strict=True)
    replaced_names = {
        new.key: tuple(sorted(source.name for source in {*new.sources} - {*old.sources}))
        for new, old in pairs
        if new is not old
    }
    elsewhere = {
        (item.git, item.ref): source.git
        for image in catalogue.images
        for source in image.sources
        for item in relevant_items(source, image, items)
        if item.git is not None and item.git != source.git
    }
    speculated = replace(catalogue, images=images)
    return Speculation(
        speculated,
        tuple(replaced_names),
        elsewhere,
        tuple(items),
        tuple(catalogue.images),
        replaced_names,
    )


def _replace_sources(
    image: Image, overrides: Sequence[Override], items: Sequence[ZuulItem], lock: Lock
) -> Image:
    sources = tuple(
        _replace_source(source, image, overrides, items, lock) for source in image.sources
    )
    return image if sources == image.sources else replace(image, sources=sources)


def _replace_source(
    source: Source,
    image: Image,
    overrides: Sequence[Override],
    items: Sequence[ZuulItem],
    lock: Lock,
) -> Source:
    about = relevant_items(source, image, items)
    matches = [
        override
        for override in overrides
        if source.name == override.name and _reaches(override, image)
    ]
    if matches and about:
        raise InputError(
            f"zuul.items replaces this source of {image.full_name} as well, by {about[0]}",
            where=Origin(f"--source {matches[-1].text}"),
            hint="leave out --source, or the item",
        )
    if matches:
        return replace(source, git=matches[-1].git or source.git, ref=matches[-1].ref)
    return merge_items(source, about, lock) if about else source


def _reaches(override: Override, image: Image) -> bool:
    name, at, stream = override.images.partition("@")
    if image.stream.like and not at:  # the stream of a tag is that tag's, unless it is meant
        return False
    return fnmatchcase(image.full_name, name) and fnmatchcase(image.stream.name, stream or "*")


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
