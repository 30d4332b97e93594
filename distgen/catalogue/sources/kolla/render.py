"""Turn Kolla's templates into the text of Dockerfiles, each compiled once and kept between runs.

kolla-build makes a new Jinja environment for every image; here all share one, which never keeps a
template's module, so that no image sees a list that a template changed for another.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import logging
import pickle
import re
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import jinja2
import yaml
from jinja2.sandbox import SandboxedEnvironment

from distgen.catalogue.sources.kolla.environ import Variables, variables
from distgen.catalogue.sources.kolla.options import Settled
from distgen.catalogue.sources.kolla.package import YAML_LOADER, why
from distgen.errors import DistgenError, InputError
from distgen.model.words import Origin
from distgen.render.errors import FAILURES, calls

Files = Mapping[str, Path]
TEMPLATE = "Dockerfile.j2"

_FROM = re.compile(r"^FROM\s", re.IGNORECASE)


class Rendered(NamedTuple):
    """A Dockerfile, and the environment variables that its templates asked for."""

    text: str
    variables: tuple[str, ...]


class Codes:
    """Compiled templates by what they say; `new` tells if any was added.

    They are good for one release of Jinja and of Kolla, whose filters Jinja applies to constants
    while it compiles.
    """

    def __init__(self, known: Mapping[str, Any] | None, release: str) -> None:
        self._for = [jinja2.__version__, release]
        self._known: dict[str, Any] = {}
        if known and known["for"] == self._for:
            self._known |= known["codes"]
        self._used: dict[str, Any] = {}
        self.new = False

    def get(self, environment: jinja2.Environment, name: str, text: str) -> types.CodeType:
        """Return the code of a template, compiled if it is new."""
        key = hashlib.sha256(f"{name}\n{text}".encode()).hexdigest()
        if key not in self._used:
            if key not in self._known:
                self._known[key] = (environment.compile(text, name, name), variables(text, name))
                self.new = True
            self._used[key] = self._known[key]
        code: types.CodeType = self._used[key][0]
        return code

    @property
    def variables(self) -> frozenset[str]:
        """Return the environment variables that the templates used so far name."""
        return frozenset(name for _, names in self._used.values() for name in names)

    def kept(self) -> dict[str, Any]:
        """Return what a later run may be given, without what this one did not use."""
        return {"for": self._for, "codes": self._used}


class _Loader(jinja2.BaseLoader):
    """Makes a new template from kept code whenever one is asked for."""

    def __init__(self, codes: Codes, texts: Callable[[str], str]) -> None:
        self._codes = codes
        self._texts = texts

    def load(
        self, environment: jinja2.Environment, name: str, globals: Any = None
    ) -> jinja2.Template:
        code = self._codes.get(environment, name, self._texts(name))
        return environment.template_class.from_code(environment, code, globals or {})


def render(
    settled: Settled, files: Files, environ: Mapping[str, str], codes: Codes
) -> dict[str, Rendered]:
    """Return the Dockerfile of each image by the path of its template."""
    functions = _functions(settled)
    environment = _environment(_Loader(codes, _reader(files)), functions)
    override = _override(settled, functions, codes)
    found = {}
    with _uncollected():
        for path in files:
            if path.endswith(f"/{TEMPLATE}"):
                seen = Variables(environ, lambda: codes.variables)
                text = _dockerfile(settled, environment, override, (path, seen))
                found[path] = Rendered(text, tuple(sorted(seen.asked)))
    return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the collector from looking through the trees of all templates again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _dockerfile(
    settled: Settled,
    environment: SandboxedEnvironment,
    override: Callable[[], jinja2.Template] | None,
    about: tuple[str, Variables],
) -> str:
    path, seen = about
    values = {**settled.values, "image_name": path.split("/")[-2]}
    try:
        template = environment.get_template(path)
        if override is not None:
            values["parent_template"] = template
            template = override()
        # as template.render does, but for the rewriting of tracebacks, which hides the lines
        context = template.new_context({**values, "env": seen})
        text = environment.concat(template.root_render_func(context))
    except FAILURES as error:
        raise InputError(_said(error), where=_place(error, path)) from error
    return _with_arguments(text, settled.arguments)


def _said(error: BaseException) -> str:
    if isinstance(error, jinja2.TemplateNotFound):
        return f"there is no file {error.name} that it can take"
    if isinstance(error, jinja2.TemplateError) and error.message:
        return str(error.message)
    return f"{type(error).__name__}: {error}"


def _place(error: BaseException, path: str) -> Origin:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return Origin(error.name or path, error.lineno)
    found = calls(error.__traceback__)
    return found[-1] if found else Origin(path)


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


def _environment(loader: _Loader, functions: Mapping[str, Any]) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(loader=loader, cache_size=0)
    environment.filters.update(functions["filters"])
    environment.globals.update(functions["methods"])
    return environment


def _override(
    settled: Settled, functions: Mapping[str, Any], codes: Codes
) -> Callable[[], jinja2.Template] | None:
    """Return what makes the override template: all override files as one that extends the parent.

    As in Kolla it stands alone in its own environment: it cannot import what the images import.
    """
    if not settled.overrides:
        return None
    texts = [_override_text(path) for path in settled.overrides]
    name = settled.overrides[0]
    merged = texts[0] + "".join(re.sub(r".*\{\%.*extends.*\n", "", text) for text in texts[1:])
    environment = _environment(_Loader(codes, _only(name, merged)), functions)
    return lambda: environment.get_template(name)


def _only(name: str, text: str) -> Callable[[str], str]:
    def one(wanted: str) -> str:
        if wanted != name:
            raise jinja2.TemplateNotFound(wanted)
        return text

    return one


def _override_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = f"the template override cannot be read: {why(error)}"
        raise InputError(what, where=path) from error


# --- Kolla's own functions ---------------------------------------------------------------------


def _functions(settled: Settled) -> dict[str, dict[str, Any]]:
    """Load Kolla's filters and methods as modules of our own, which read each YAML text once."""
    folder = Path(settled.package) / "template"
    filters = _module(folder / "filters.py")
    methods = _module(folder / "methods.py")
    load = getattr(methods, "_load_repos", None)
    if load is not None:
        methods._load_repos = _kept(load)  # type: ignore[attr-defined]
    methods.yaml = types.SimpleNamespace(safe_load=_yaml_reader())  # type: ignore[attr-defined]
    # it logs a traceback before it raises, and the raised error is what a person is told
    methods.LOG = logging.getLogger(__name__)  # type: ignore[attr-defined]
    methods.LOG.disabled = True
    methods.raise_error = _raise_error  # type: ignore[attr-defined]
    return {
        "filters": {name: getattr(filters, name) for name in settled.filters},
        "methods": {name: getattr(methods, name) for name in settled.methods},
    }


def _module(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(f"{__name__}.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DistgenError("Kolla's template functions cannot be loaded", where=path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        raise DistgenError(f"Kolla's template functions cannot be loaded: {error}") from error
    return module


def _yaml_reader() -> Callable[[Any], Any]:
    parse = _kept(lambda text: yaml.load(text, Loader=YAML_LOADER))

    def safe_load(stream: Any) -> Any:
        return parse(stream if isinstance(stream, str) else stream.read())

    return safe_load


def _kept(read: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a function that reads once and then gives copies: Kolla changes what it was given."""
    known: dict[Any, bytes] = {}

    def copy(key: Any = None) -> Any:
        if key not in known:
            known[key] = pickle.dumps(read(key))
        return pickle.loads(known[key])

    return copy


def _raise_error(message: str) -> NoReturn:
    raise jinja2.TemplateRuntimeError(message)
