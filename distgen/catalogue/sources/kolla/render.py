"""Turn Kolla's templates into the text of Dockerfiles, each compiled once and kept between runs.

kolla-build makes a new Jinja environment for every image; here all share one, which never keeps a
template's module, so that no image sees a list that a template changed for another.
"""

from __future__ import annotations

import gc
import hashlib
import re
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from distgen.catalogue.bounded import read_bounded
from distgen.catalogue.sources.kolla.environ import VisibleEnvironment, variable_names
from distgen.catalogue.sources.kolla.options import KollaSettings
from distgen.catalogue.sources.kolla.package import read_error
from distgen.catalogue.sources.kolla.places import LARGEST_FILE
from distgen.catalogue.sources.kolla.template_functions import load_functions
from distgen.errors import InputError
from distgen.model.catalogue import RenderLimits
from distgen.model.words import Origin
from distgen.render.errors import FAILURES, LIMITS_HINT, limit_problem, template_calls
from distgen.render.limited_call import Announce, call_limited
from distgen.text.characters import half_character_problem

Files = Mapping[str, Path]
TEMPLATE = "Dockerfile.j2"

_FROM = re.compile(r"^FROM\s", re.IGNORECASE)


class RenderedDockerfile(NamedTuple):
    """A Dockerfile, and the environment variables that its templates asked for."""

    text: str
    variables: tuple[str, ...]


class CompiledTemplates:
    """Compiled templates by their text; `is_changed` tells whether any was added.

    They are good for one release of Jinja and of Kolla: Jinja applies Kolla's filters to constants
    while it compiles.
    """

    def __init__(self, entry: Mapping[str, Any] | None, release: str) -> None:
        self._releases = [jinja2.__version__, release]
        self._cached: dict[str, Any] = {}
        if entry and entry["for"] == self._releases:
            self._cached |= entry["codes"]
        self._used: dict[str, Any] = {}
        self.is_changed = False

    def get(self, environment: jinja2.Environment, name: str, text: str) -> types.CodeType:
        """Return the code of a template, compiled if it is new."""
        key = hashlib.sha256(f"{name}\n{text}".encode()).hexdigest()
        if key not in self._used:
            if key not in self._cached:
                code = environment.compile(text, name, name)
                self._cached[key] = (code, variable_names(text, name))
                self.is_changed = True
            self._used[key] = self._cached[key]
        result: types.CodeType = self._used[key][0]
        return result

    @property
    def variables(self) -> frozenset[str]:
        """Return the environment variables that the templates used so far name."""
        return frozenset(name for _, names in self._used.values() for name in names)

    def update(self, entry: Mapping[str, Any] | None) -> None:
        """Take over what another process has used and compiled, None where nothing is new."""
        if entry is not None:
            self._used = entry["codes"]
            self.is_changed = True

    def entry(self) -> dict[str, Any]:
        """Return the templates that this run used, for a later run."""
        return {"for": self._releases, "codes": self._used}


class _CompiledLoader(jinja2.BaseLoader):
    """Makes a new template from compiled code whenever one is asked for."""

    def __init__(self, templates: CompiledTemplates, texts: Callable[[str], str]) -> None:
        self._compiled = templates
        self._texts = texts

    def load(
        self, environment: jinja2.Environment, name: str, globals: Any = None
    ) -> jinja2.Template:
        code = self._compiled.get(environment, name, self._texts(name))
        return environment.template_class.from_code(environment, code, globals or {})


def render_dockerfiles(
    settings: KollaSettings,
    files: Files,
    environ: Mapping[str, str],
    templates: CompiledTemplates,
    limits: RenderLimits,
) -> dict[str, RenderedDockerfile]:
    """Return the Dockerfile of each image by the path of its template."""
    functions = load_functions(settings)
    environment = _environment(_CompiledLoader(templates, _reader(files)), functions)
    override = _override(settings, functions, templates)

    overriding = f" with {', '.join(settings.overrides)}" if settings.overrides else ""

    def render(announce: Announce) -> tuple[dict[str, tuple[str, tuple[str, ...]]], Any]:
        dockerfiles = {}
        for path in files:
            if path.endswith(f"/{TEMPLATE}"):
                announce(f"{path}{overriding}")
                env = VisibleEnvironment(environ, lambda: templates.variables)
                text = _dockerfile(settings, environment, override, (path, env))
                dockerfiles[path] = (text, tuple(sorted(env.requested)))
        return dockerfiles, templates.entry() if templates.is_changed else None

    with _without_garbage_collection():
        dockerfiles, entry = call_limited(limits, render)
    templates.update(entry)
    return {path: RenderedDockerfile(*rendered) for path, rendered in dockerfiles.items()}


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keep the collector from looking through the trees of all templates again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _dockerfile(
    settings: KollaSettings,
    environment: SandboxedEnvironment,
    override: Callable[[], jinja2.Template] | None,
    subject: tuple[str, VisibleEnvironment],
) -> str:
    path, env = subject
    values = {**settings.values, "image_name": path.split("/")[-2]}
    try:
        template = environment.get_template(path)
        if override is not None:
            values["parent_template"] = template
            template = override()
        # as template.render does, but for the rewriting of tracebacks, which hides the lines
        context = template.new_context({**values, "env": env})
        text = environment.concat(template.root_render_func(context))
    except FAILURES as error:
        hint = LIMITS_HINT if limit_problem(error) else ""
        raise InputError(_message(error), where=_line_of(error, path), hint=hint) from error
    if problem := half_character_problem(text):
        raise InputError(problem, where=path)
    return _with_arguments(text, settings.arguments)


def _message(error: BaseException) -> str:
    if problem := limit_problem(error):
        return problem
    if isinstance(error, jinja2.TemplateNotFound):
        return f"there is no file {error.name} that it can take"
    if isinstance(error, jinja2.TemplateError) and error.message:
        return str(error.message)
    return f"{type(error).__name__}: {error}"


def _line_of(error: BaseException, path: str) -> Origin:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return Origin(error.name or path, error.lineno)
    lines = template_calls(error.__traceback__)
    return lines[-1] if lines else Origin(path)


def _with_arguments(text: str, arguments: tuple[str, ...]) -> str:
    """Put lines below the first FROM, as newer releases do for pip's settings."""
    if not arguments:
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if _FROM.match(line):
            lines[number:number] = arguments
            break
    return "\n".join(lines)


def _reader(files: Files) -> Callable[[str], str]:
    texts: dict[str, str] = {}

    def text(name: str) -> str:
        if name not in texts:
            if name not in files:
                raise jinja2.TemplateNotFound(name)
            texts[name] = files[name].read_text(encoding="utf-8")
        return texts[name]

    return text


def _environment(loader: _CompiledLoader, functions: Mapping[str, Any]) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(loader=loader, cache_size=0)
    environment.filters.update(functions["filters"])
    environment.globals.update(functions["methods"])
    return environment


def _override(
    settings: KollaSettings, functions: Mapping[str, Any], templates: CompiledTemplates
) -> Callable[[], jinja2.Template] | None:
    """Return a maker of the override template: all override files as one that extends the parent.

    As in Kolla it has an environment of its own: it cannot import what the images import.
    """
    if not settings.overrides:
        return None
    texts = [_override_text(path) for path in settings.overrides]
    name = settings.overrides[0]
    # The first file extends the parent; the others add their blocks to it.
    text = texts[0] + "".join(re.sub(r".*\{\%.*extends.*\n", "", more) for more in texts[1:])
    environment = _environment(_CompiledLoader(templates, _single_text(name, text)), functions)
    return lambda: environment.get_template(name)


def _single_text(name: str, text: str) -> Callable[[str], str]:
    def load(requested_name: str) -> str:
        if requested_name != name:
            raise jinja2.TemplateNotFound(requested_name)
        return text

    return load


def _override_text(path: str) -> str:
    try:
        return read_bounded(Path(path), path, LARGEST_FILE).decode()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"the template override cannot be read: {read_error(error)}"
        raise InputError(problem, where=path) from error
