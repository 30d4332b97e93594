"""Renders an image: its templates, values and the lock become the files of its tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from jinja2 import Template

from distgen import patch
from distgen.environment import Sandbox, compiled, compiled_name, printed, sandbox
from distgen.errors import InputError
from distgen.facts import bases, facts
from distgen.finish import finish
from distgen.model import EXECUTABLE, REGULAR, Catalog, File, Image, Lock, Tree
from distgen.model import TemplateFile as Source
from distgen.paths import check_paths


class Recipe(NamedTuple):
    """A file of a template with what was compiled of it; None where nothing is rendered."""

    source: Source
    name: Template | None
    text: Template | None


class Renderer:
    """Renders the images of one catalogue; each template is compiled once, at its first use."""

    def __init__(self, catalog: Catalog, lock: Lock) -> None:
        self._catalog = catalog
        self._lock = lock
        self._sandbox = sandbox(catalog.shared)
        self._recipes: dict[str, tuple[Recipe, ...]] = {}

    def tree(self, image: Image) -> Tree:
        """Return the files of an image; the same catalogue and lock give the same bytes."""
        values = self._values(image)
        files = {
            path: self._file(path, recipe, values, image)
            for path, recipe in self._laid(image, values).items()
        }
        check_paths(files, image.key)
        if image.patches:
            for diff in image.patches:
                files = dict(patch.apply(files, diff, image.key).files)
            check_paths(files, image.key)
        return Tree(
            image=image.full_name,
            stream=image.stream.name,
            files=tuple(files[path] for path in sorted(files)),
            bases=bases(image, self._lock),
            sources={
                name: {"git": source.git, "ref": source.ref, "commit": source.commit}
                for name, source in values["sources"].items()
            },
        )

    def _values(self, image: Image) -> dict[str, Any]:
        return {**self._sandbox.globals, **image.values, **facts(image, self._lock)}

    def _laid(self, image: Image, values: dict[str, Any]) -> dict[str, Recipe]:
        """Return the files by path, the image's own laid over the template's."""
        template = self._recipes.get(image.template)
        if template is None:
            files = self._catalog.templates[image.template].files
            template = recipes(self._sandbox, files, image)
            self._recipes[image.template] = template
        laid = _named(template, values, image)
        if image.files:
            laid.update(_named(recipes(self._sandbox, image.files, image), values, image))
        return laid

    def _file(self, path: str, recipe: Recipe, values: dict[str, Any], image: Image) -> File:
        mode = EXECUTABLE if recipe.source.executable else REGULAR
        if recipe.text is None:
            return File(path, recipe.source.content, mode)
        text = finish(printed(recipe.text, values, image.key), path, origins(recipe.source, image))
        return File(path, text.encode(), mode)


def recipes(environment: Sandbox, files: Iterable[Source], image: Image) -> tuple[Recipe, ...]:
    """Compile the files of a template or an overlay."""
    return tuple(
        Recipe(
            file,
            compiled_name(environment, file, image.key) if "{" in file.path else None,
            compiled(environment, file, image.key) if file.rendered else None,
        )
        for file in files
    )


def origins(source: Source, image: Image) -> str:
    """Return the words of a rendered file's header: where it and its values were written."""
    return f"{source.source} and {image.origin.path}"


def _named(files: Iterable[Recipe], values: Mapping[str, Any], image: Image) -> dict[str, Recipe]:
    named: dict[str, Recipe] = {}
    for recipe in files:
        path = recipe.source.path
        if recipe.name is not None:
            path = printed(recipe.name, dict(values), image.key)
        other = named.setdefault(path, recipe)
        if other is not recipe:
            raise InputError(
                f"{recipe.source.source} and {other.source.source} both make {path!r} ({image.key})"
            )
    return named
