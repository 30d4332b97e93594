"""Renders an image: its templates, values and the lock become the files of its tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from jinja2 import Template

from distgen.errors import InputError
from distgen.model.catalogue import Catalogue, Image
from distgen.model.catalogue import TemplateFile as Source
from distgen.model.lock import Lock
from distgen.model.rendered import File, Tree
from distgen.model.words import EXECUTABLE, REGULAR, Origin
from distgen.render.context import bases, facts
from distgen.render.environment import Sandbox, compiled, compiled_name, printed, run, sandbox
from distgen.render.linemap import Marks, Origins, trusted
from distgen.render.normalize import finish, finished_lines
from distgen.render.patch import Patched, Row, apply
from distgen.render.paths import check_paths
from distgen.render.unidiff import split

MAX_RECIPES = 1000  # thousands of images may have templates of their own


class Recipe(NamedTuple):
    """A file of a template with what was compiled of it; None where nothing is rendered."""

    source: Source
    name: Template | None
    text: Template | None


class Renderer:
    """Renders the images of one catalogue; each template is compiled once, at its first use."""

    def __init__(self, catalogue: Catalogue, lock: Lock) -> None:
        self._catalog = catalogue
        self._lock = lock
        self._sandbox = sandbox(catalogue.shared)
        self._recipes: dict[str, Recipe] = {}

    def tree(self, image: Image) -> Tree:
        """Return the files of an image; the same catalogue and lock give the same bytes."""
        values = self._values(image)
        files = self._files(self._laid(image, values), values, image)
        for step in _patched(files, image):
            files = step.files
        return Tree(
            image=image.full_name,
            stream=image.stream.name,
            files=tuple(files[path] for path in sorted(files)),
            bases=bases(image, self._lock),
            sources={
                name: {"git": source.git, "ref": source.ref, "commit": source.commit}
                | ({"version": source.version} if source.version else {})
                for name, source in values["sources"].items()
            },
        )

    def line_map(self, image: Image, path: str) -> Origins:
        """Return for each line of a rendered file the line of a template or patch it came from.

        None stands for a header's line, and where a template compares or measures its own text.
        """
        values = self._values(image)
        laid = self._laid(image, values)
        steps = _patched(self._files(laid, values, image), image) if image.patches else []
        if path not in (steps[-1].files if steps else laid):
            raise InputError(f"the tree of {image.key} has no file {path!r}")
        rows: list[tuple[Row, ...]] = []
        start: str | None = path
        for step in reversed(steps):
            moved = step.moved.get(start or "")
            if moved is not None:
                rows.append(moved.rows)
                start = moved.old
        origins = self._origins(start, laid[start], values, image) if start else ()
        for row in reversed(rows):
            origins = tuple(origins[at] if isinstance(at, int) else at for at in row)
        return origins

    def _origins(self, path: str, recipe: Recipe, values: dict[str, Any], image: Image) -> Origins:
        source = recipe.source
        if recipe.text is None:
            count = len(split(source.content))
            return tuple(Origin(source.source, row + 1) for row in range(count))
        plain = printed(recipe.text, values, image.key)
        kept = finished_lines(plain, path, origins(source, image))
        rows = plain.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        try:
            text = run(compiled(self._marked, source, image.key), values, image.key)
        except InputError:  # a mark stood where the template wants a number, say
            return (None,) * len(kept)
        found = trusted(*self._marked_reader.read(text), rows)
        return tuple(None if row is None else found[row] for row in kept)

    @cached_property
    def _marked(self) -> Sandbox:
        return sandbox(self._catalog.shared, (Marks,))

    @property
    def _marked_reader(self) -> Marks:
        reader = self._marked.extensions[Marks.identifier]
        assert isinstance(reader, Marks)
        return reader

    def _values(self, image: Image) -> dict[str, Any]:
        namespace = self._catalog.namespaces.get(image.namespace)
        known = facts(image, self._lock, namespace.exports if namespace else ())
        return {**self._sandbox.globals, **image.values, **known}

    def _laid(self, image: Image, values: dict[str, Any]) -> dict[str, Recipe]:
        """Return the files by path, the image's own laid over the template's."""
        laid = self._named(self._catalog.templates[image.template].files, values, image)
        if image.files:
            laid.update(self._named(image.files, values, image))
        return laid

    def _named(
        self, files: Iterable[Source], values: dict[str, Any], image: Image
    ) -> dict[str, Recipe]:
        named: dict[str, Recipe] = {}
        for source in files:
            recipe = self._recipe(source, image)
            path = source.path
            if recipe.name is not None:
                path = printed(recipe.name, values, image.key)
            other = named.setdefault(path, recipe)
            if other is not recipe:
                raise InputError(
                    f"{source.source} and {other.source.source} both make {path!r} ({image.key})"
                )
        return named

    def _recipe(self, source: Source, image: Image) -> Recipe:
        if not source.is_rendered and "{" not in source.path:
            return Recipe(source, None, None)
        found = self._recipes.get(source.source)
        if found is None:
            if len(self._recipes) >= MAX_RECIPES:
                self._recipes.clear()
            found = self._recipes[source.source] = recipe(self._sandbox, source, image)
        return found

    def _files(
        self, laid: Mapping[str, Recipe], values: dict[str, Any], image: Image
    ) -> Mapping[str, File]:
        check_paths(laid, image.key)
        return {path: self._file(path, recipe, values, image) for path, recipe in laid.items()}

    def _file(self, path: str, recipe: Recipe, values: dict[str, Any], image: Image) -> File:
        mode = EXECUTABLE if recipe.source.executable else REGULAR
        if recipe.text is None:
            return File(path, recipe.source.content, mode)
        text = finish(printed(recipe.text, values, image.key), path, origins(recipe.source, image))
        return File(path, text.encode(), mode)


def recipe(environment: Sandbox, source: Source, image: Image) -> Recipe:
    """Compile what is to be rendered of a file."""
    return Recipe(
        source,
        compiled_name(environment, source, image.key) if "{" in source.path else None,
        compiled(environment, source, image.key) if source.is_rendered else None,
    )


def origins(source: Source, image: Image) -> str:
    """Return the words of a rendered file's header: where it and its values were written."""
    return f"{source.source} and {image.origin.path}"


def _patched(files: Mapping[str, File], image: Image) -> list[Patched]:
    """Return the files after each patch of the image."""
    steps = [Patched(files, {})]
    for diff in image.patches:
        steps.append(apply(steps[-1].files, diff, image.key))
    if image.patches:
        check_paths(steps[-1].files, image.key)
    return steps[1:]
