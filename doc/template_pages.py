"""The page of the templates that are shipped, from their schemas and the overlays that use them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
INTRODUCTION = """\
The kinds of images in the default catalogue, each with the values that an overlay may give it.
``distgen init`` copies them into a new catalogue, to be used, extended or replaced. A template
takes the values of the one it extends as well; ``distgen explain IMAGE`` prints what an image has
of them, and which line said so. Words such as ``os-package`` are :ref:`formats of values
<value-formats>`. The example of each is the shortest overlay that uses it.

"""
KINDS = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "map",
}


def shipped_templates() -> str:
    """Return the page of templates, those that are extended first."""
    templates = {
        path.parent.name: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted(ROOT.glob("templates/*/template.yaml"))
    }
    overlays = _overlays()
    text = ["Templates that are shipped\n==========================\n\n", INTRODUCTION]
    text += _tree(templates)
    for name in _parents_first(templates):
        text.append(f".. _template-{name}:\n\n{name}\n{'-' * len(name)}\n\n")
        text += _template(name, templates, overlays.get(name, []))
    return "".join(text)


def _overlays() -> dict[str, list[Path]]:
    """Return the overlays of images that name each template, the shortest first."""
    users: dict[str, list[Path]] = {}
    for path in ROOT.glob("overlays/*/*.yaml"):
        if path.name != "namespace.yaml":
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            users.setdefault(content.get("template", ""), []).append(path)
    for paths in users.values():
        paths.sort(key=lambda path: (len(path.read_text(encoding="utf-8")), path))
    return users


def _parents_first(templates: Mapping[str, Any], parent: str | None = None) -> Iterator[str]:
    for name, content in templates.items():
        if content.get("extends") == parent:
            yield name
            yield from _parents_first(templates, name)


def _tree(templates: Mapping[str, Any]) -> Iterator[str]:
    """Yield the templates as a nested list, each below the one it extends."""
    for name in _parents_first(templates):
        depth = len(_chain(name, templates)) - 1
        yield f"{'  ' * depth}* :ref:`{name} <template-{name}>`\n\n"


def _chain(name: str, templates: Mapping[str, Any]) -> list[str]:
    above = templates[name].get("extends")
    return [name, *(_chain(above, templates) if above else [])]


def _template(name: str, templates: Mapping[str, Any], users: list[Path]) -> Iterator[str]:
    content = templates[name]
    yield f"{fill(' '.join(content['description'].split()), 110)}\n\n"
    above = _chain(name, templates)[1:]
    if above:
        links = ", ".join(f":ref:`{parent} <template-{parent}>`" for parent in above)
        yield f"It takes the values of {links} as well.\n\n"
    required = [key for key, schema in content.get("values", {}).items() if "default" not in schema]
    for key, schema in content.get("values", {}).items():
        yield _value(key, schema, key in required)
    if users:
        path = users[0].relative_to(ROOT).as_posix()
        number = f"{len(users)} images are" if len(users) > 1 else "One image is"
        yield f"{number} of this kind in the default catalogue.\n\n"
        yield f".. literalinclude:: ../../{path}\n   :language: yaml\n   :caption: {path}\n\n"
    else:
        children = [child for child in templates if templates[child].get("extends") == name]
        links = ", ".join(f":ref:`{child} <template-{child}>`" for child in children)
        yield f"No image names it in the default catalogue; those of {links} are made with it.\n\n"


def _value(key: str, schema: Mapping[str, Any], required: bool) -> str:
    notes = [_kind(schema), "required" if required else _default(schema["default"])]
    words = (
        f"{', '.join(note for note in notes if note)}. {' '.join(schema['description'].split())}"
    )
    return f"``{key}``\n{fill(words, 110, initial_indent='   ', subsequent_indent='   ')}\n\n"


def _default(value: Any) -> str:
    text = json.dumps(value)
    return f"default ``{text}``" if len(text) <= 60 else ""


def _kind(schema: Mapping[str, Any]) -> str:
    """Return the words for what may stand behind a key, with the format of texts."""
    words = type_words(schema)
    if not words or "enum" in schema:
        return words
    items = schema.get("items", {}).get("format")
    of_what = f" of ``{items}``" if items else ""
    own = f" (``{schema['format']}``)" if "format" in schema else ""
    return f"*{words}*{of_what}{own}"


def type_words(schema: Mapping[str, Any]) -> str:
    """Return the words for the types that a schema allows, or for the values it lists."""
    if "enum" in schema:
        return "*one of* " + ", ".join(f"``{value}``" for value in schema["enum"])
    types = [option.get("type", []) for option in (schema, *schema.get("anyOf", []))]
    names = [name for found in types for name in ([found] if isinstance(found, str) else found)]
    return " or ".join(KINDS[name] for name in dict.fromkeys(names) if name != "null")
