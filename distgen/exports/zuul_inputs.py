"""What an image is made from, as Zuul sees it: files of the catalogue, and other projects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from distgen.exports.zuul_options import ZuulOptions
from distgen.model.catalogue import Image, Template

_META = re.compile(r"[\\.+*?()\[\]{}|^$]")
# Folders that begin with _ hold what any template may include.
_ALWAYS = (r"distgen\.(lock|yaml)$", "templates/_")
_OURS = ("^playbooks/distgen/", "^roles/distgen/")
_TAKES_SIBLINGS = re.compile(rb"ZUUL_SIBLINGS|\bsiblings\.j2")


@dataclass(frozen=True, slots=True)
class ImageProjects:
    """The projects that an image is built from besides the catalogue, by Zuul's names, sorted.

    `sources` are fetched by the build itself; `siblings` stand in the place of releases.
    """

    sources: tuple[str, ...]
    siblings: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted({*self.sources, *self.siblings}))


def escape(text: str) -> str:
    """Return a regular expression of RE2 that matches exactly this text."""
    return _META.sub(r"\\\g<0>", text)


def files_by_image(
    images: Sequence[Image], templates: Mapping[str, Template], folder: str
) -> Mapping[str, tuple[str, ...]]:
    """Return patterns of the files that each image and its parents are made from, by key.

    `images` has parents first; parents that it does not have are left out. `folder` is the
    catalogue's in its project.
    """
    patterns: dict[str, frozenset[str]] = {}
    for image in images:
        inherited = (patterns.get(key, frozenset()) for key in image.parent_keys)
        patterns[image.key] = frozenset(_own_patterns(image, templates)).union(*inherited)
    start = f"^{escape(folder)}"
    return {
        key: (*(start + path for path in sorted(paths)), *_OURS) for key, paths in patterns.items()
    }


def _own_patterns(image: Image, templates: Mapping[str, Template]) -> Iterable[str]:
    yield from _ALWAYS
    if image.imported_from:
        yield f"overlays/{escape(image.namespace)}/"
        return
    yield rf"overlays/{escape(image.namespace)}/namespace\.yaml$"
    for full_name in (image.full_name, *image.heritage):
        yield rf"overlays/{escape(full_name)}(/|\.yaml$)"
    template = templates.get(image.template)
    for name in (image.template, *(template.extends if template else ())):
        yield f"templates/{escape(name)}/"


def projects_by_image(
    images: Iterable[Image], templates: Mapping[str, Template], options: ZuulOptions
) -> Mapping[str, ImageProjects]:
    """Return the projects of the sources and siblings of each image, by key."""
    images = tuple(images)
    named = {
        _normalize(source.name): project
        for image in images
        for source in image.sources
        if (project := options.project_of(source.git))
    }
    taking = {name for name, template in templates.items() if _takes_siblings(template)}
    projects = {}
    for image in images:
        sources = {options.project_of(source.git) for source in image.sources} - {""}
        siblings = {named.get(name, "") for name in _requirements(image)} - {"", *sources}
        projects[image.key] = ImageProjects(
            tuple(sorted(sources)), tuple(sorted(siblings)) if image.template in taking else ()
        )
    return projects


def _takes_siblings(template: Template) -> bool:
    return any(_TAKES_SIBLINGS.search(file.content) for file in template.files)


def _requirements(image: Image) -> Iterable[str]:
    """Yield the names of the Python projects that an image installs from releases."""
    requirements = image.values.get("pip", ())
    if isinstance(requirements, Sequence) and not isinstance(requirements, str):
        for requirement in requirements:
            yield _normalize(re.split(r"[\s\[<>=!~;@]", str(requirement), maxsplit=1)[0])


def _normalize(name: str) -> str:
    """Return the name of a Python project as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
