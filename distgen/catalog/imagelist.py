"""Lists of container images as TripleO keeps them: `container_images`, and templates of such lists.

Formats: tripleo-common, container-images/*.yaml and *.yaml.j2, and the heat environment that
`openstack overcloud container image prepare` wrote from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined
from jinja2.exceptions import UndefinedError
from jinja2.loaders import FunctionLoader
from jinja2.sandbox import ImmutableSandboxedEnvironment

from distgen.errors import InputError
from distgen.reference import is_digest, names_a_registry

LIST, TEMPLATE = "container_images", "container_images_template"
LATEST = "latest"
_TAG = "distgen-tag-of-this-run"


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of a list; `name` has no tag, and `tag` is a digest where there is only that.

    `fixed` tags are written in the template itself, so the tag of the others says nothing of them.
    `params` are the heat parameters that are to name the image, `services` what needs it.
    """

    name: str
    tag: str
    fixed: bool = False
    image_source: str | None = None
    params: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class _Unset(Undefined):
    """A variable that nobody set: good for conditions, an error where its text is wanted."""

    __str__ = StrictUndefined.__str__
    __iter__ = StrictUndefined.__iter__
    __len__ = StrictUndefined.__len__


def read(path: Path, variables: Mapping[str, Any], tag: str | None = None) -> tuple[Entry, ...]:
    """Read a list or a template of one (`*.j2`); each image once, in the order of the file.

    `tag` is that of all images but those whose tag is written in the template.
    """
    text = _text(path)
    is_template = path.suffix == ".j2"
    if is_template:
        text = _rendered(path, text, variables)
        tag = tag or str(variables.get("tag") or LATEST)
    data = _loaded(text, path)
    found = data.get(TEMPLATE, data.get(LIST)) if isinstance(data, Mapping) else None
    if not isinstance(found, list):
        raise InputError(f"there is no list of {LIST} or {TEMPLATE} in it", where=path)
    entries = [_entry(one, number, path, tag, is_template) for number, one in enumerate(found, 1)]
    merged: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        key = (entry.name, entry.tag)
        merged[key] = _together(merged[key], entry) if key in merged else entry
    return tuple(merged.values())


def defaults(path: Path) -> Mapping[str, Any]:
    """Read the variables of a template from a file of ContainerImagePrepare parameters."""
    data = _loaded(_text(path), path)
    try:
        found = data["parameter_defaults"]["ContainerImagePrepare"][0]["set"]
    except (KeyError, IndexError, TypeError):
        found = None
    if not isinstance(found, Mapping):
        raise InputError(
            "there is no parameter_defaults, ContainerImagePrepare, set in it", where=path
        )
    return {str(key): value for key, value in found.items()}


def moved(entry: Entry, registry: str | None) -> str:
    """Return the name of an entry at another registry; a host that it names itself gives way."""
    host, slash, path = entry.name.partition("/")
    own = bool(slash) and names_a_registry(host)
    if registry is None:
        return entry.name
    return f"{registry.rstrip('/')}/{path if own else entry.name}"


def as_list(rows: Iterable[tuple[str, Entry]]) -> str:
    """Return the text of a list of images, by the names they were found under."""
    images: list[dict[str, str]] = []
    for name, entry in rows:
        source = {"image_source": entry.image_source} if entry.image_source else {}
        images.append({"imagename": name, **source})
    return yaml.safe_dump({LIST: images}, sort_keys=False, width=10**6, allow_unicode=True)


def as_environment(rows: Iterable[tuple[str, Entry]], insecure: Sequence[str]) -> str:
    """Return the text of a heat environment: each parameter names its image."""
    found: dict[str, Any] = {}
    for name, entry in rows:
        found |= dict.fromkeys(entry.params, name)
    if insecure:
        found["DockerInsecureRegistryAddress"] = list(insecure)
    return yaml.safe_dump({"parameter_defaults": found}, width=10**6, allow_unicode=True)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError("the file is not text", where=path) from None


def _loaded(text: str, path: Path) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        line = f" (line {mark.line + 1} once rendered)" if mark is not None else ""
        raise InputError(f"the file is not YAML{line}", where=path) from None


def _rendered(path: Path, text: str, variables: Mapping[str, Any]) -> str:
    def beside(name: str) -> str | None:
        other = path.parent / name
        return _text(other) if "/" not in name and other.is_file() else None

    environment = ImmutableSandboxedEnvironment(undefined=_Unset, loader=FunctionLoader(beside))
    settled = {"name_prefix": "", "name_suffix": "", **variables, "tag": _TAG}
    for key, dash in (("name_prefix", "{}-"), ("name_suffix", "-{}")):
        part = str(settled[key] or "").strip("-")
        settled[key] = dash.format(part) if part else ""
    try:
        return environment.from_string(text).render(settled)
    except UndefinedError as wrong:
        raise InputError(
            f"the template needs a value: {wrong.message}", where=path, hint="give it with --set"
        ) from None
    except TemplateSyntaxError as wrong:
        raise InputError(f"line {wrong.lineno}: {wrong.message}", where=path) from None
    except (TemplateError, TypeError, ValueError) as wrong:
        raise InputError(f"the template cannot be rendered: {wrong}", where=path) from None


def _entry(data: Any, number: int, path: Path, wanted: str | None, is_template: bool) -> Entry:
    name = data.get("imagename") if isinstance(data, Mapping) else None
    if not isinstance(name, str) or not name:
        raise InputError(f"entry {number} has no imagename", where=path)
    plain = name.partition("@")[0]
    repository, colon, tag = plain.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = plain, LATEST
        if wanted is None and is_digest(name.partition("@")[2]):
            tag = name.partition("@")[2]
    fixed = is_template and tag != _TAG
    source = data.get("image_source")
    return Entry(
        repository,
        tag if fixed or wanted is None else wanted,
        fixed,
        source if isinstance(source, str) else None,
        _words(data.get("params"), number, path),
        _words(data.get("services"), number, path),
    )


def _words(data: Any, number: int, path: Path) -> tuple[str, ...]:
    if not isinstance(data or [], list):
        raise InputError(f"params and services of entry {number} must be lists", where=path)
    return tuple(str(word) for word in data or ())


def _together(one: Entry, other: Entry) -> Entry:
    params = tuple(dict.fromkeys((*one.params, *other.params)))
    services = tuple(dict.fromkeys((*one.services, *other.services)))
    source = one.image_source or other.image_source
    return Entry(one.name, one.tag, one.fixed, source, params, services)
