"""What an image is made from, as Zuul sees it: files of the catalogue, and other projects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from distgen.exports.records import Selection
from distgen.exports.zuul.options import ZuulOptions
from distgen.model.catalogue import Image, Template, TemplateFile

_META = re.compile(r"[\\.+*?()\[\]{}|^$]")
# Folders that begin with _ hold what any template may include.
_ALWAYS = (r"distgen\.(lock|yaml)$", "templates/_")
_OURS = ("^playbooks/distgen/", "^roles/distgen/")
_PARTS = ("distgen.yaml", "distgen.lock", "templates", "overlays")
_QUOTED_PATH = re.compile(rb"""["']([A-Za-z0-9_.-]+)/""")
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
    selection: Selection, images: Sequence[Image], folder: str
) -> Mapping[str, tuple[str, ...]]:
    """Return patterns of the files that each image and its parents are made from, by key.

    `images` are those of the selection that are exported, parents first; other parents are left
    out. `folder` is the catalogue's in its project.
    """
    patterns: dict[str, frozenset[str]] = {}
    for image in images:
        inherited = (patterns.get(key, frozenset()) for key in image.parent_keys)
        patterns[image.key] = frozenset(_own_patterns(image, selection)).union(*inherited)
    start = f"^{escape(folder)}"
    return {
        key: (*(start + path for path in sorted(paths)), *_OURS) for key, paths in patterns.items()
    }


def _own_patterns(image: Image, selection: Selection) -> Iterable[str]:
    yield from _ALWAYS
    if image.imported_from:
        yield f"overlays/{escape(image.namespace)}/"
        for path in selection.inputs:
            if path not in _PARTS and not path.startswith(("/", "..")):
                yield f"{escape(path)}(/|$)"
        return
    yield rf"overlays/{escape(image.namespace)}/namespace\.yaml$"
    for full_name in (image.full_name, *image.heritage):
        yield rf"overlays/{escape(full_name)}(/|\.yaml$)"
    names = {image.template} | _named_templates(image.files, selection.templates)
    for name in _with_all_that_they_name(names, selection.templates):
        yield f"templates/{escape(name)}/"


def _with_all_that_they_name(names: set[str], templates: Mapping[str, Template]) -> set[str]:
    """Return templates with those that they extend or include, however far."""
    reached: set[str] = set()
    ahead = sorted(names)
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            if template := templates.get(name):
                ahead += [*template.extends, *_named_templates(template.files, templates)]
    return reached


def _named_templates(files: Iterable[TemplateFile], templates: Mapping[str, Template]) -> set[str]:
    """Return the templates whose files are named in quotes, as `include` and `import` do."""
    words = (
        word for file in files if file.is_rendered for word in _QUOTED_PATH.findall(file.content)
    )
    return {name for word in words if (name := word.decode()) in templates}


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
