"""Compile templates in a sandbox that reaches nothing but the other templates of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sized
from itertools import islice
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, Template, TemplateNotFound, nodes
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.runtime import Context, LoopContext

from distgen.errors import InputError
from distgen.model.catalogue import TemplateFile
from distgen.model.words import Origin
from distgen.render.context import RECORDS
from distgen.render.dropped import DROPPED, dropped_line
from distgen.render.errors import FAILURES, explain
from distgen.render.filters import FILTERS, LARGE, WIDE_BRACES, WIDE_PERCENT, printable
from distgen.render.values_as_text import DataSandbox
from distgen.text.characters import half_character_problem
from distgen.text.suggest import did_you_mean

MAX_CHUNKS = 1_000_000
MAX_TEXT = 16 * 1024 * 1024
TEMPLATES = "templates/"

# Planes 15 and 16 are for private use; the line map makes its marks of them.
PRIVATE = re.compile("[\U000f0000-\U0010ffff]")
_SIZED_METHODS = frozenset(("center", "expandtabs", "ljust", "rjust", "zfill"))

# What templates read most; all of it is safe, and asking the sandbox doubles a rendering's time.
_SAFE = frozenset(
    (kind, name)
    for kind, names in (
        *((kind, tuple(kind.__dataclass_fields__)) for kind in RECORDS),
        (dict, ("items", "keys", "values", "get")),
        (str, ("endswith", "join", "lower", "replace", "split", "startswith", "strip", "upper")),
        (LoopContext, ("first", "index", "index0", "last", "length")),
    )
    for name in names
)


class MissingName(StrictUndefined):
    """A name that is not there; using it says what the author may have meant."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        owner, name = self._undefined_obj, self._undefined_name
        if self._undefined_hint or not isinstance(name, str) or not _is_record(owner):
            return super()._undefined_message
        names = map(str, owner) if isinstance(owner, Mapping) else type(owner).__dataclass_fields__
        return f"there is no `{name}` in it; {did_you_mean(name, names)}"


def _is_record(value: Any) -> bool:
    return isinstance(value, Mapping) or hasattr(type(value), "__dataclass_fields__")


class StatelessTemplate(Template):
    """A template that is made anew for each import, so that no image changes the next one.

    Jinja keeps one module of macros for all renderings: a counter in it would go on counting.
    """

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        return self.make_module()


class Sandbox(DataSandbox):
    """Jinja's sandbox, which also refuses what would fill the memory from a few characters."""

    template_class = StatelessTemplate
    intercepted_binops = frozenset(("*", "**", "%", "-"))

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.loaded: set[str] = set()
        """The names of the templates that others loaded; who asks for them empties it before."""

    def _load_template(self, name: str, *more: Any) -> Template:
        # A compiled template never comes to the loader again, so the loader cannot tell.
        self.loaded.add(name)
        return super()._load_template(name, *more)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Let `~` join what `{{ }}` would print: true and not True, and never None."""
        tree = super()._parse(source, name, filename)
        line = dropped_line(tree)
        if line is not None:
            raise TemplateSyntaxError(DROPPED, line, name, filename)
        for concat in tree.find_all(nodes.Concat):
            finalize = nodes.EnvironmentAttribute("finalize")
            concat.nodes = [nodes.Call(finalize, [part], [], None, None) for part in concat.nodes]
        return tree

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator != "-" and _is_huge(operator, left, right):
            raise SecurityError(f"the result of {operator!r} is too large")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if (type(obj), attribute) in _SAFE:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if attr in _SIZED_METHODS and isinstance(obj, str):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is not None and WIDE_BRACES.search(value.__self__):
            raise SecurityError("the width in the format is too large")
        return wrapped


def _is_huge(operator: str, first: Any, second: Any) -> bool:
    if operator == "%":
        return isinstance(first, str) and bool(WIDE_PERCENT.search(first))
    if operator == "**":
        return bool(abs(first) > LARGE or abs(second) > 64)
    if isinstance(first, int) and isinstance(second, int):
        return abs(first) > 2**64 or abs(second) > 2**64
    count, sized = (first, second) if isinstance(first, int) else (second, first)
    return isinstance(count, int) and isinstance(sized, Sized) and count * len(sized) > LARGE


class SharedTemplates(BaseLoader):
    """A loader of templates by their path below templates/, from memory."""

    def __init__(self, files: Mapping[str, TemplateFile]) -> None:
        self.files = files

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        file = self.files.get(template)
        if file is None:
            raise TemplateNotFound(template)
        return source_text(file), file.source, None

    def list_templates(self) -> list[str]:
        return sorted(self.files)


def make_sandbox(
    shared: Mapping[str, TemplateFile], extensions: tuple[type[Any], ...] = ()
) -> Sandbox:
    """Return an environment in which `shared` templates can be extended, included and imported."""
    environment = Sandbox(
        loader=SharedTemplates(shared),
        extensions=extensions,
        undefined=MissingName,
        finalize=printable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters = dict(FILTERS)
    environment.globals.pop("lipsum", None)  # random
    return environment


def source_text(file: TemplateFile) -> str:
    """Return the text of a template, in which nothing can look like a mark of the line map."""
    text = file.content.decode("utf-8-sig")
    private = None if text.isascii() else PRIVATE.search(text)
    if private:
        raise InputError(
            f"the character U+{ord(private.group()):X} is for private use and cannot be rendered",
            where=Origin(file.source, text.count("\n", 0, private.start()) + 1),
        )
    return text


def compile_file(environment: Sandbox, file: TemplateFile, image: str) -> Template:
    """Compile a file, by its name below templates/ when it can be extended."""
    name = file.source.removeprefix(TEMPLATES)
    assert isinstance(environment.loader, SharedTemplates)
    try:
        if name != file.source and environment.loader.files.get(name) is file:
            return environment.get_template(name)
        return _from_text(environment, source_text(file), file.source)
    except FAILURES as error:
        raise explain(error, file.source, image, environment, {}) from None


def compile_name(environment: Sandbox, file: TemplateFile, image: str) -> Template:
    """Compile the name of a file, which may hold `{{ image.name }}`."""
    place = f"{file.source} (its name)"
    try:
        return _from_text(environment, file.path, place)
    except FAILURES as error:
        raise explain(error, place, image, environment, {}) from None


def _from_text(environment: Sandbox, text: str, name: str) -> Template:
    code = environment.compile(text, name, name)
    return environment.template_class.from_code(environment, code, dict(environment.globals))


def render_text(template: Template, values: dict[str, Any], image: str) -> str:
    """Return what a template prints; `values` hold the globals too, and are shared, not copied."""
    text = render_raw(template, values, image)
    problem = "" if text.isascii() else _character_problem(text)
    if problem:
        raise InputError(f"{problem} ({image})", where=template.filename)
    return text


def _character_problem(text: str) -> str:
    private = PRIVATE.search(text)
    if private:
        return f"it prints U+{ord(private.group()):X}, a character for private use"
    return half_character_problem(text)


def render_raw(template: Template, values: dict[str, Any], image: str) -> str:
    """Return what a template prints, the marks of the line map among it."""
    try:
        stream = template.root_render_func(template.new_context(values, shared=True))
        text = "".join(islice(stream, MAX_CHUNKS))
        if len(text) > MAX_TEXT or next(stream, None) is not None:
            raise SecurityError(f"it prints more than {MAX_TEXT} characters or {MAX_CHUNKS} pieces")
    except FAILURES as error:
        place = template.filename or template.name or ""
        raise explain(error, place, image, template.environment, values) from None
    return text
