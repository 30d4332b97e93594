"""Reads the template folders: their files, and the schema and defaults of the values they take.

`values` of a template.yaml maps each value's name to the JSON Schema of that value. A value with a
`default` may be left alone; one without must be set by an overlay, unless its schema takes null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from distgen.catalogue import cycles
from distgen.catalogue.folder import list_folder, read_document, read_folder
from distgen.errors import InputError
from distgen.model.catalogue import Layer, Template, TemplateFile
from distgen.model.words import KeyPath, Origin
from distgen.schema.check import (
    check_document,
    compile_schema,
    load_schema,
    refuse_bad_schema,
    refuse_mistakes,
    resolve_scalars,
    with_declared_types,
    with_null_types,
)
from distgen.schema.formats import format_problem
from distgen.schema.yaml import Document
from distgen.text.suggest import did_you_mean

FOLDER = "templates"
_FILE = "template.yaml"


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A template ready for use: its default layers, the one it extends first, and its checks.

    `nullable` are the values that may be absent, which templates then see as none.
    """

    template: Template
    layers: tuple[Layer, ...]
    checks: Mapping[str, Draft202012Validator]
    nullable: frozenset[str]


@dataclass(frozen=True, slots=True)
class _TemplateFolder:
    """What one folder says before inheritance."""

    document: Document
    data: Mapping[str, Any]
    properties: Mapping[str, Mapping[str, Any]]
    files: tuple[TemplateFile, ...]


def read_templates(root: Path) -> tuple[dict[str, CompiledTemplate], dict[str, TemplateFile]]:
    """Return the templates by name, and by path below templates/ the files others may include."""
    own: dict[str, _TemplateFolder] = {}
    shared: dict[str, TemplateFile] = {}
    for entry in list_folder(root, FOLDER):
        if entry.name.startswith(".") or not entry.is_folder:
            continue
        files = read_folder(root, entry.path)
        is_shared = entry.name.startswith("_")
        if not is_shared:
            own[entry.name] = _own(root, entry.name, files)
        kept = (file for file in files if is_shared or file.rendered)
        shared.update({file.source.removeprefix(f"{FOLDER}/"): file for file in kept})
    chains = _chains(own)
    return {name: _kind(name, chain, own) for name, chain in chains.items()}, shared


def _own(root: Path, name: str, files: tuple[TemplateFile, ...]) -> _TemplateFolder:
    path = f"{FOLDER}/{name}/{_FILE}"
    if problem := format_problem("name", name):
        raise InputError(f"`{name}` {problem}", where=Origin(f"{FOLDER}/{name}"))
    if not (root / path).is_file():
        raise InputError(
            f"the folder has no {_FILE}",
            where=Origin(f"{FOLDER}/{name}"),
            hint="write one, or begin the folder's name with _ when it only holds shared files",
        )
    document = read_document(root, path)
    data = check_document("template", with_null_types(document))
    properties = _properties(document) if data.get("values") else {}
    for value, one in properties.items():
        refuse_bad_schema(one, document.origin, ("values", value))
    kept = tuple(file for file in files if file.source != path)
    return _TemplateFolder(document, data, properties, kept)


def _properties(document: Document) -> Mapping[str, Mapping[str, Any]]:
    """Return the schemas of a checked template's values, defaults in the types they declare."""
    typed = {value: with_declared_types(one) for value, one in document.data["values"].items()}
    whole: Mapping[str, Any] = resolve_scalars({"values": typed}, load_schema("template"))
    found: Mapping[str, Mapping[str, Any]] = whole["values"]
    return found


def _chains(own: Mapping[str, _TemplateFolder]) -> dict[str, tuple[str, ...]]:
    """Return what each template extends, nearest first."""
    edges: dict[str, list[str]] = {}
    for name, one in own.items():
        parent = one.data.get("extends")
        if parent is not None and parent not in own:
            raise InputError(
                f"there is no template `{parent}` to extend",
                where=one.document.origin(("extends",)),
                hint=did_you_mean(parent, own),
            )
        edges[name] = [parent] if parent else []
    if cycle := cycles.find_cycle(edges):
        where = own[cycle[0]].document.origin(("extends",))
        what = f"templates extend each other: {' -> '.join(cycle)}"
        raise InputError(what, where=where, hint="break the circle")
    chains: dict[str, tuple[str, ...]] = {}
    for name in own:
        chain: list[str] = []
        while parents := edges[chain[-1] if chain else name]:
            chain += parents
        chains[name] = tuple(chain)
    return chains


def _kind(
    name: str, chain: tuple[str, ...], own: Mapping[str, _TemplateFolder]
) -> CompiledTemplate:
    family = [own[one] for one in (*reversed(chain), name)]
    properties: dict[str, Mapping[str, Any]] = {}
    files: dict[str, TemplateFile] = {}
    for member in family:
        properties.update(member.properties)
        files.update({file.path: file for file in member.files})
    checks = {value: compile_schema(one) for value, one in properties.items()}
    layers = tuple(_defaults(member, family[index + 1 :]) for index, member in enumerate(family))
    for layer in layers:
        for value, default in layer.values.items():
            _refuse_default(value, default, checks[value], layer)
    template = Template(
        name=name,
        description=own[name].data["description"],
        schema=_object_schema(properties),
        defaults=layers[-1],
        files=tuple(files[path] for path in sorted(files)),
        extends=chain,
        origin=own[name].document.origin(),
    )
    nullable = frozenset(value for value, check in checks.items() if check.is_valid(None))
    return CompiledTemplate(template, layers, checks, nullable)


def _defaults(member: _TemplateFolder, nearer: list[_TemplateFolder]) -> Layer:
    """Return a template's defaults, less those of values that a nearer template declares anew."""
    values: dict[str, Any] = {}
    marks: dict[KeyPath, tuple[int, int]] = {}
    for value, one in member.properties.items():
        if "default" in one and not any(value in other.properties for other in nearer):
            values[value] = one["default"]
    for key, mark in member.document.marks.items():
        if len(key) > 2 and key[0] == "values" and key[2] == "default":
            inner: KeyPath = (*key[1:2], *key[3:])
            marks[inner] = mark
    return Layer("template", member.document.path, values, marks)


def _refuse_default(value: str, default: Any, check: Draft202012Validator, layer: Layer) -> None:
    try:
        refuse_mistakes(check, default, layer.origin, (value,))
    except InputError as error:
        what = f"the default does not fit its own schema: {error.problem}"
        raise InputError(what, where=error.where, hint=error.hint) from None


def _object_schema(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": dict(properties),
        "required": [name for name, one in properties.items() if "default" not in one],
        "additionalProperties": False,
    }
